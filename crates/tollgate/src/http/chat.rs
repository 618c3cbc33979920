//! `POST /v1/chat/completions`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::gateway::Worker;
use crate::pipeline;

pub(super) async fn create(State(worker): State<Arc<Worker>>, request: Request) -> Response {
    pipeline::serve(&worker, request).await
}
