//! `GET /metrics`: what Prometheus reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use super::AdminState;
use crate::http::{Admin, Caller};
use crate::telemetry::Scrape;

/// Metrics for Prometheus
///
/// In the text format of OpenMetrics. Prometheus sends the admin key as a bearer token.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operation",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(
    _: Caller<Admin>,
    State(state): State<AdminState>,
) -> ([(HeaderName, &'static str); 1], String) {
    let scrape: Arc<Scrape> = state.scrape;
    ([(CONTENT_TYPE, Scrape::CONTENT_TYPE)], scrape.render())
}
