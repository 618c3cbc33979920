//! `DELETE /v1/responses/{id}`: deletes a stored response and what it said.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::ids::ResponseId;
use crate::http::{Caller, Key, Named, PathId};
use crate::sessions::response_id;

/// A response that was deleted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeletedResponse {
    /// Its id.
    id: String,
    /// Always `response`.
    object: &'static str,
    /// Always true.
    deleted: bool,
}

/// Delete a response
///
/// With its items, unless a conversation has them. Responses that go on from it can still be read, but nothing can go
/// on from them. One that runs in the background is ended.
#[utoipa::path(
    delete,
    path = "/v1/responses/{response}",
    tag = "Responses",
    params(("response" = String, Path, description = "The response's id.")),
    responses((status = 200, body = DeletedResponse), (status = 503))
)]
pub(in crate::http) async fn delete(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(ResponseId(call)): PathId<ResponseId>,
) -> Result<Json<DeletedResponse>, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    if !gateway.ledger.delete_response(account, call).await? {
        return Err(ResponseId::unknown());
    }
    if let Some(run) = gateway.runs.get(account, call) {
        run.cancel();
    }
    Ok(Json(DeletedResponse { id: response_id(call), object: "response", deleted: true }))
}
