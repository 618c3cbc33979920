//! `GET /healthz` says that the process lives, `GET /readyz` that it can serve calls.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::Serialize;

use crate::gateway::Worker;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    catalogue: &'static str,
    ledger: &'static str,
}

pub(super) async fn live() -> &'static str {
    "ok"
}

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
