//! `PATCH /admin/keys/{id}`: changes a key.

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use crate::error::ApiError;
use crate::http::key_body::KeyChanges;
use crate::http::key_bounds::Bounds;
use crate::http::{Admin, Caller, JsonBody, PathId};
use crate::keys::Key;

use super::AdminState;
use super::show_account::find;
use super::show_key::find_key;
use crate::view::KeyView;

/// Change a key
///
/// From its next call on; calls in flight keep what they were admitted with, and what was used stays counted.
#[utoipa::path(
    patch,
    path = "/admin/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    request_body = KeyChanges,
    responses((status = 200, body = KeyView), (status = 409), (status = 500), (status = 503))
)]
pub(super) async fn update_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(id): PathId<KeyId>,
    JsonBody(changes): JsonBody<KeyChanges>,
) -> Result<Json<KeyView>, ApiError> {
    let key = find_key(&state, id)?;
    let bounds = Bounds::of_operator(&*find(&state, key.account)?, &state.plans, state.now_ms());
    let edit = move |key: &Key, _: Option<&Key>| changes.terms(key, &bounds);
    let key = state.keys.update(key.account, id, edit).await?;
    Ok(Json(KeyView::of(&key, state.now_ms())))
}
