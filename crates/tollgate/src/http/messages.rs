//! `POST /v1/messages`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{CallHeaders, CallQuery, CallRefusals, answer};
use super::caller::{Caller, Key};
use super::message_schema::{MessageAnswer, MessageBody, MessageError, MessageEvent};
use super::once::OnceHeader;
use crate::gateway::Worker;
use crate::pipeline::Dialect;

/// Message
///
/// Anthropic's request, for every model. Errors have Anthropic's shape. With `stream`, the answer is a stream of events
/// that ends with `message_stop`, or with an `error` event.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "Calls",
    params(CallQuery, CallHeaders, OnceHeader),
    request_body = MessageBody,
    responses(
        (status = 200, description = "The answer, or the stream of it.", content(
            (MessageAnswer = "application/json"),
            (MessageEvent = "text/event-stream"),
        )),
        (status = 402, body = MessageError),
        CallRefusals,
        (status = 409, description = "Another call is under way in the conversation."),
    )
)]
pub(super) async fn create(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Response {
    answer(&worker, &principal, Dialect::Messages, request).await
}
