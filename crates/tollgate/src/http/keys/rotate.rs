//! `POST /v1/keys/{id}/rotate`: gives a key of the account a new secret, and shows it, this once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::KeyId;

use super::bounds;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::key_fields::RotateBody;
use crate::http::key_reply::new_key;
use crate::http::{Caller, Management, OnceBody, OnceHeader, PathId};
use crate::keys::Key;
use crate::view::NewKeyView;

/// Give a key a new secret
///
/// Its id, its limits and what it has used stay. The secret before works on for `overlap_s`; the one before that ends.
#[utoipa::path(
    post,
    path = "/v1/keys/{key}/rotate",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id."), OnceHeader),
    request_body = RotateBody,
    responses((status = 200, body = NewKeyView), (status = 409), (status = 500), (status = 503))
)]
pub(in crate::http) async fn rotate(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<KeyId>,
    OnceBody(body, once): OnceBody<RotateBody>,
) -> Result<Response, ApiError> {
    let gateway = &worker.gateway;
    let bounds = bounds(gateway, &principal);
    let may = move |key: &Key, actor: Option<&Key>| bounds.of(actor).may_touch(key);
    let now_ms = gateway.clock.now_ms();
    let rotating = gateway.keys.rotate(principal.actor, id, body.overlap(), may);
    rotating.answered(new_key(once, now_ms)).await
}
