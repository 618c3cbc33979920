//! `PATCH /v1/keys/{id}`: changes a key of the account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use super::bounds;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::key_body::KeyChanges;
use crate::http::{Caller, JsonBody, Management, PathId};
use crate::keys::Key;
use crate::view::KeyView;

/// Change a key
///
/// From its next call on; calls in flight keep what they were admitted with, and what was used stays counted.
#[utoipa::path(
    patch,
    path = "/v1/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    request_body = KeyChanges,
    responses((status = 200, body = KeyView), (status = 409), (status = 500), (status = 503))
)]
pub(in crate::http) async fn update(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<KeyId>,
    JsonBody(changes): JsonBody<KeyChanges>,
) -> Result<Json<KeyView>, ApiError> {
    let gateway = &worker.gateway;
    let bounds = bounds(gateway, &principal);
    let edit = move |key: &Key, actor: Option<&Key>| changes.terms(key, &bounds.of(actor));
    let key = gateway.keys.update(principal.actor, id, edit).await?;
    Ok(Json(KeyView::of(&key, gateway.clock.now_ms())))
}
