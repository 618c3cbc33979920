//! `DELETE /admin/keys/{id}`: revokes a key, at once. Again, it answers the same.

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use crate::error::ApiError;
use crate::http::{Admin, Caller, PathId};
use crate::keys::Key;

use super::AdminState;
use super::show_key::find_key;
use crate::view::KeyView;

/// Revoke a key
///
/// At once, with every secret of it. The answer has the time of its first revocation.
#[utoipa::path(
    delete,
    path = "/admin/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    responses((status = 200, body = KeyView), (status = 500), (status = 503))
)]
pub(super) async fn revoke_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(key): PathId<KeyId>,
) -> Result<Json<KeyView>, ApiError> {
    let key = find_key(&state, key)?;
    let may = |_: &Key, _: Option<&Key>| Ok::<(), ApiError>(());
    let revoked = state.keys.revoke(key.account, key.id, may).await?;
    Ok(Json(KeyView::of(&revoked, state.now_ms())))
}
