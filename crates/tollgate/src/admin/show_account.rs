//! `GET /admin/accounts/{id}`: one account with its balance.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::AccountId;

use crate::ledger::{Account, LedgerError};

use super::view::AccountView;
use super::{AdminError, AdminState};

/// The account as it is now.
pub(super) async fn show_account(
    State(state): State<AdminState>,
    Path(account): Path<String>,
) -> Result<Json<AccountView>, AdminError> {
    let account = find(&state, account_id(&account)?)?;
    Ok(Json(AccountView::of(&account)))
}

/// The account of that id.
pub(super) fn find(state: &AdminState, id: AccountId) -> Result<Arc<Account>, AdminError> {
    state.ledger.account(id).ok_or(AdminError::Ledger(LedgerError::UnknownAccount))
}

/// The id in a path. What is no id names no account.
pub(super) fn account_id(text: &str) -> Result<AccountId, AdminError> {
    text.parse().map_err(|_| AdminError::Ledger(LedgerError::UnknownAccount))
}
