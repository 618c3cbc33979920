//! `POST /v1/completions`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{CallHeaders, CallQuery, CallRefusals, answer};
use super::caller::{Caller, Key};
use super::completion_schema::{CompletionAnswer, CompletionBody, CompletionEvent};
use super::once::OnceHeader;
use crate::gateway::Worker;
use crate::pipeline::Dialect;

/// Completion (legacy)
///
/// OpenAI's older request. Where the provider completes texts, it goes there as it is, and so does its answer. Where it
/// only chats, the prompt is sent as the one message of a user, so every chat model serves it; what a chat cannot do is
/// refused then. A session is kept as a chat.
#[utoipa::path(
    post,
    path = "/v1/completions",
    tag = "Calls",
    params(CallQuery, CallHeaders, OnceHeader),
    request_body = CompletionBody,
    responses(
        (status = 200, description = "The answer, or the stream of it.", content(
            (CompletionAnswer = "application/json"),
            (CompletionEvent = "text/event-stream"),
        )),
        CallRefusals,
        (status = 409, description = "Another call is under way in the conversation."),
    )
)]
pub(super) async fn create(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Response {
    answer(&worker, &principal, Dialect::Completions, request).await
}
