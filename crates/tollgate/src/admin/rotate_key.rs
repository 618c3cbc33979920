//! `POST /admin/keys/{id}/rotate`: gives a key a new secret, and shows it, this once.

use axum::extract::State;
use axum::response::Response;
use domain::KeyId;

use crate::error::ApiError;
use crate::http::key_fields::RotateBody;
use crate::http::key_reply::new_key;
use crate::http::{Admin, Caller, OnceBody, OnceHeader, PathId};
use crate::keys::Key;

use super::AdminState;
use super::show_key::find_key;
use crate::view::NewKeyView;

/// Give a key a new secret
///
/// Its id, its limits and what it has used stay. The secret before works on for `overlap_s`; the one before that ends.
#[utoipa::path(
    post,
    path = "/admin/keys/{key}/rotate",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id."), OnceHeader),
    request_body = RotateBody,
    responses((status = 200, body = NewKeyView), (status = 409), (status = 500), (status = 503))
)]
pub(super) async fn rotate_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(id): PathId<KeyId>,
    OnceBody(body, once): OnceBody<RotateBody>,
) -> Result<Response, ApiError> {
    let key = find_key(&state, id)?;
    let may = |_: &Key, _: Option<&Key>| Ok::<(), ApiError>(());
    let now_ms = state.now_ms();
    let rotating = state.keys.rotate(key.account, id, body.overlap(), may);
    rotating.answered(new_key(once, now_ms)).await
}
