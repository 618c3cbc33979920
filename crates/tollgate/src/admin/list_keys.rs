//! `GET /admin/accounts/{id}/keys`: the keys of an account, revoked ones included, oldest first.

use axum::Json;
use axum::extract::State;
use domain::AccountId;

use crate::http::{Admin, Caller, PathId};

use super::show_account::find;
use super::view::{KeyView, ListView};
use super::{AdminError, AdminState};

/// Keys of an account
///
/// Revoked ones included, oldest first. Without their secrets, which nobody has any more.
#[utoipa::path(
    get,
    path = "/admin/accounts/{account}/keys",
    tag = "Keys",
    params(("account" = String, Path, description = "The account's id.")),
    responses((status = 200, body = ListView<KeyView>))
)]
pub(super) async fn list_keys(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
) -> Result<Json<ListView<KeyView>>, AdminError> {
    let account = find(&state, account)?;
    let keys = state.keys.list(account.id);
    Ok(Json(ListView::new(keys.iter().map(|key| KeyView::of(key)).collect(), None)))
}
