//! `GET /admin/keys/{id}`: one key, whosever it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use crate::error::ApiError;
use crate::http::{Admin, Caller, Named, PathId};
use crate::keys::Key;

use super::AdminState;
use crate::view::KeyView;

/// One key
///
/// With what it may do and what it has used.
#[utoipa::path(
    get,
    path = "/admin/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    responses((status = 200, body = KeyView))
)]
pub(super) async fn show_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(id): PathId<KeyId>,
) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(KeyView::of(&*find_key(&state, id)?, state.now_ms())))
}

/// The key of that id.
pub(super) fn find_key(state: &AdminState, id: KeyId) -> Result<Arc<Key>, ApiError> {
    state.keys.get(id).ok_or_else(KeyId::unknown)
}
