//! `POST /v1/chat/completions`: the whole of it is the pipeline.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use hyper::Version;

use super::flow;
use crate::gateway::Worker;
use crate::pipeline;

pub(super) async fn create(State(worker): State<Arc<Worker>>, request: Request) -> Response {
    let version = request.version();
    let response = pipeline::serve(&worker, request).await;
    if version == Version::HTTP_2 {
        let gateway = &worker.gateway;
        return response
            .map(|body| flow::bounded(body, gateway.config.server.write_stall, gateway.stop.clone()));
    }
    response
}
