//! `POST /v1/chat/completions`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{CallHeaders, CallQuery, CallRefusals, answer};
use super::caller::{Caller, Key};
use super::chat_schema::{ChatAnswer, ChatBody, ChatEvent};
use super::once::OnceHeader;
use crate::gateway::Worker;
use crate::pipeline::Dialect;

/// Chat completion
///
/// OpenAI's request. Fields that are not listed here are passed through to the provider as they are. With `stream`,
/// the answer is a stream of events, which ends with `[DONE]`; an error after its begin is an event of its own. The
/// headers `x-tollgate-*` tell the call's id, its provider, its route and, without a stream, its cost.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "Calls",
    params(CallQuery, CallHeaders, OnceHeader),
    request_body = ChatBody,
    responses(
        (status = 200, description = "The answer, or the stream of it.", content(
            (ChatAnswer = "application/json"),
            (ChatEvent = "text/event-stream"),
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
    answer(&worker, &principal, Dialect::Chat, request).await
}
