//! `POST /v1/embeddings`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::call::{CallHeaders, CallRefusals, answer};
use super::caller::{Caller, Key};
use super::embedding_schema::{EmbeddingsAnswer, EmbeddingsBody};
use super::once::OnceHeader;
use crate::gateway::Worker;
use crate::pipeline::Dialect;

/// Embeddings
///
/// One vector for each text. Input tokens are all that it costs. A session id is told on the receipt, and nothing is
/// kept.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "Calls",
    params(CallHeaders, OnceHeader),
    request_body = EmbeddingsBody,
    responses(
        (status = 200, description = "The vectors.", body = EmbeddingsAnswer),
        CallRefusals,
    )
)]
pub(super) async fn create(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Response {
    answer(&worker, &principal, Dialect::Embeddings, request).await
}
