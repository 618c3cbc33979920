//! `GET /admin/accounts/{id}/keys`: the keys of an account, revoked ones included, oldest first.

use axum::Json;
use axum::extract::{Path, State};

use super::show_account::{account_id, find};
use super::view::{KeyView, ListView};
use super::{AdminError, AdminState};

/// Without their secrets, which nobody has any more.
pub(super) async fn list_keys(
    State(state): State<AdminState>,
    Path(account): Path<String>,
) -> Result<Json<ListView<KeyView>>, AdminError> {
    let account = find(&state, account_id(&account)?)?;
    let keys = state.keys.list(account.id);
    Ok(Json(ListView::new(keys.iter().map(|key| KeyView::of(key)).collect(), None)))
}
