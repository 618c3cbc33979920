//! `POST /v1/responses/input_tokens`: how many tokens a response's input would have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::ResponseBody;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::call::{CallHeaders, CallQuery, counted};
use crate::http::{Caller, Key};
use crate::pipeline::Dialect;

/// The tokens of an input.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct InputTokens {
    /// Always `response.input_tokens`.
    object: &'static str,
    /// How many.
    input_tokens: u64,
}

/// Count the tokens of a response's input
///
/// With the history that it would go on from. The header `x-tollgate-token-count` says who counted: the model's own
/// `tokenizer`, or nobody, and then there are no more than this `bound`.
#[utoipa::path(
    post,
    path = "/v1/responses/input_tokens",
    tag = "Calls",
    params(CallQuery, CallHeaders),
    request_body = ResponseBody,
    responses(
        (status = 200, body = InputTokens),
        (status = 404, description = "The model, or what the request goes on from, does not exist here."),
        (status = 429),
        (status = 503)
    )
)]
pub(in crate::http) async fn count(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Result<Response, ApiError> {
    let told = |input_tokens| InputTokens { object: "response.input_tokens", input_tokens };
    counted(&worker.gateway, &principal, Dialect::Responses, request, told).await
}
