//! `GET /healthz` says that the process lives, `GET /readyz` that it can serve calls.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Worker;

/// Whether calls can be served.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ready` or `not ready`.
    status: &'static str,
    /// `loaded` or `not loaded yet`.
    catalogue: &'static str,
    /// `ok` or `failing`.
    ledger: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "Health", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Whether calls can be served
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Health",
    responses((status = 200, body = Health), (status = 503, description = "Calls cannot be served.", body = Health))
)]
pub(super) async fn ready(State(worker): State<Arc<Worker>>) -> Response {
    let gateway = &worker.gateway;
    let catalogue = gateway.catalogue.snapshot().is_loaded();
    let ledger = gateway.ledger.is_healthy();
    let ready = catalogue && ledger && !gateway.stopping.load(Ordering::Relaxed);
    let health = Health {
        status: if ready { "ready" } else { "not ready" },
        catalogue: if catalogue { "loaded" } else { "not loaded yet" },
        ledger: if ledger { "ok" } else { "failing" },
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
