//! `GET /admin/accounts`: every account with its balance, oldest first.

use axum::Json;
use axum::extract::State;

use crate::http::{Admin, Caller};

use super::AdminState;
use crate::view::{AccountView, ListView};

/// All accounts
///
/// With their balances, oldest first: they are in memory anyway.
#[utoipa::path(
    get,
    path = "/admin/accounts",
    tag = "Accounts",
    responses((status = 200, body = ListView<AccountView>))
)]
pub(super) async fn list_accounts(
    _: Caller<Admin>,
    State(state): State<AdminState>,
) -> Json<ListView<AccountView>> {
    let accounts = state.ledger.accounts();
    Json(ListView::new(accounts.iter().map(|account| AccountView::of(account)).collect(), None))
}
