//! `POST /v1/responses/{id}/cancel`: ends a response that runs in the background.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;

use super::schema::ResponseAnswer;
use super::{find, stored};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::ids::ResponseId;
use crate::http::{Caller, Key, PathId};

/// Cancel a response
///
/// One that runs in the background; what it came to so far is charged. Again, or after its end, it answers with the
/// response as it is.
#[utoipa::path(
    post,
    path = "/v1/responses/{response}/cancel",
    tag = "Responses",
    params(("response" = String, Path, description = "The response's id.")),
    responses((status = 200, body = ResponseAnswer), (status = 400), (status = 503))
)]
pub(in crate::http) async fn cancel(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(ResponseId(call)): PathId<ResponseId>,
) -> Result<Response, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    if !find(gateway, account, call).await?.background {
        let message = "Only a response that was made with \"background\": true can be cancelled.";
        return Err(ApiError::invalid(StatusCode::BAD_REQUEST, "response_not_in_background", message));
    }
    if let Some(run) = gateway.runs.get(account, call) {
        // The first end counts: one that has ended by itself stays as it is.
        gateway.ledger.advance_turn(run.cancelled().clone()).await?;
        run.cancel();
    }
    stored(gateway, account, call).await
}
