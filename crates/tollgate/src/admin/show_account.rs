//! `GET /admin/accounts/{id}`: one account with its balance.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::AccountId;

use crate::http::{Admin, Caller, PathId};
use crate::ledger::{Account, LedgerError};

use super::{AdminError, AdminState};
use crate::view::AccountView;

/// One account
///
/// With its balance as it is now.
#[utoipa::path(
    get,
    path = "/admin/accounts/{account}",
    tag = "Accounts",
    params(("account" = String, Path, description = "The account's id.")),
    responses((status = 200, body = AccountView))
)]
pub(super) async fn show_account(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
) -> Result<Json<AccountView>, AdminError> {
    Ok(Json(AccountView::of(&*find(&state, account)?)))
}

/// The account of that id.
pub(super) fn find(state: &AdminState, id: AccountId) -> Result<Arc<Account>, AdminError> {
    state.ledger.account(id).ok_or(AdminError::Ledger(LedgerError::UnknownAccount))
}
