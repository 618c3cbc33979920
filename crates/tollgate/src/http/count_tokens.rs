//! `POST /v1/messages/count_tokens`: how many tokens a message's prompt would have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{CallHeaders, CallQuery, counted};
use super::message_schema::CountBody;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key};
use crate::pipeline::Dialect;

/// The tokens of a prompt.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageTokens {
    /// How many.
    input_tokens: u64,
}

/// Count the tokens of a message's prompt
///
/// The header `x-tollgate-token-count` says who counted: the model's own `tokenizer`, or nobody, and then there are no
/// more than this `bound`.
#[utoipa::path(
    post,
    path = "/v1/messages/count_tokens",
    tag = "Calls",
    params(CallQuery, CallHeaders),
    request_body = CountBody,
    responses(
        (status = 200, body = MessageTokens),
        (status = 404, description = "The model does not exist here."),
        (status = 429),
        (status = 503)
    )
)]
pub(super) async fn count(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Result<Response, ApiError> {
    let told = |input_tokens| MessageTokens { input_tokens };
    counted(&worker.gateway, &principal, Dialect::Messages, request, told).await
}
