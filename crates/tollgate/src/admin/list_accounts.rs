//! `GET /admin/accounts`: every account with its balance, oldest first.

use axum::Json;
use axum::extract::State;

use super::view::{AccountView, ListView};
use super::{AdminError, AdminState};

/// All of them: they are in memory anyway.
pub(super) async fn list_accounts(
    State(state): State<AdminState>,
) -> Result<Json<ListView<AccountView>>, AdminError> {
    let accounts = state.ledger.accounts();
    Ok(Json(ListView::new(accounts.iter().map(|account| AccountView::of(account)).collect(), None)))
}
