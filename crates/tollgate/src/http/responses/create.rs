//! `POST /v1/responses`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::schema::{ResponseAnswer, ResponseBody, ResponseEvent};
use crate::gateway::Worker;
use crate::http::call::{CallHeaders, CallQuery, CallRefusals, answer};
use crate::http::caller::{Caller, Key};
use crate::http::once::OnceHeader;
use crate::pipeline::Dialect;

/// Response
///
/// OpenAI's request, for every model. Responses are stored unless `store` is false: a later one goes on from them with
/// `previous_response_id`, or in a `conversation`. With `stream`, the answer is a stream of events that ends with
/// `response.completed`, `response.incomplete` or `response.failed`.
#[utoipa::path(
    post,
    path = "/v1/responses",
    tag = "Calls",
    params(CallQuery, CallHeaders, OnceHeader),
    request_body = ResponseBody,
    responses(
        (status = 200, description = "The answer, or the stream of it.", content(
            (ResponseAnswer = "application/json"),
            (ResponseEvent = "text/event-stream"),
        )),
        CallRefusals,
        (status = 404, description = "The model, or what the request goes on from, does not exist here."),
        (status = 409, description = "Another call is under way in the conversation."),
    )
)]
pub(in crate::http) async fn create(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Response {
    answer(&worker, &principal, Dialect::Responses, request).await
}
