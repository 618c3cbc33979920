//! `GET /metrics`: what Prometheus reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use super::AdminState;
use crate::telemetry::Scrape;

/// Answers with all metrics, as OpenMetrics.
pub(super) async fn metrics(State(state): State<AdminState>) -> ([(HeaderName, &'static str); 1], String) {
    let scrape: Arc<Scrape> = state.scrape;
    ([(CONTENT_TYPE, Scrape::CONTENT_TYPE)], scrape.render())
}
