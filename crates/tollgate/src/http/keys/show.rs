//! `GET /v1/keys/{id}`: one key of the account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use super::find;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Management, PathId};
use crate::view::KeyView;

/// One key
///
/// With what it may do and what it has used.
#[utoipa::path(
    get,
    path = "/v1/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    responses((status = 200, body = KeyView))
)]
pub(in crate::http) async fn show(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<KeyId>,
) -> Result<Json<KeyView>, ApiError> {
    let key = find(&worker.gateway, &principal, id)?;
    Ok(Json(KeyView::of(&key, worker.gateway.clock.now_ms())))
}
