//! What the endpoints of all dialects share: the call itself is the pipeline's.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use hyper::Version;
use utoipa::IntoParams;

use super::flow;
use crate::gateway::Worker;
use crate::pipeline::{self, Dialect, Principal};

/// The headers and the parameter that a call of any dialect may have.
#[derive(IntoParams)]
#[expect(dead_code, reason = "it describes what the pipeline reads")]
pub(super) struct CallParameters {
    /// The provider, by its name at the gateway.
    #[param(parameter_in = Header, rename = "x-tollgate-provider", required = false)]
    provider: Option<String>,
    /// Your name for a conversation that is kept: its history is put before what you send, and your message and the
    /// answer are added to it. 1 to 128 visible characters; made when it is not there.
    #[param(parameter_in = Query, rename = "session_id", required = false, min_length = 1, max_length = 128)]
    session_id: Option<String>,
    /// The same, as a header.
    #[param(parameter_in = Header, rename = "x-tollgate-session-id", required = false)]
    session_id_header: Option<String>,
    /// Your name for what the call belongs to: 1 to 128 visible characters, kept on the receipt.
    #[param(parameter_in = Header, rename = "x-tollgate-session", required = false)]
    session: Option<String>,
    /// Your name for the purpose: 1 to 128 visible characters, kept on the receipt.
    #[param(parameter_in = Header, rename = "x-tollgate-label", required = false)]
    label: Option<String>,
}

/// Serves one call.
pub(super) async fn answer(
    worker: &Arc<Worker>,
    principal: &Principal,
    dialect: Dialect,
    request: Request,
) -> Response {
    let version = request.version();
    let response = pipeline::serve(worker, principal, dialect, request).await;
    if version == Version::HTTP_2 {
        let gateway = &worker.gateway;
        return response
            .map(|body| flow::bounded(body, gateway.config.server.write_stall, gateway.stop.clone()));
    }
    response
}
