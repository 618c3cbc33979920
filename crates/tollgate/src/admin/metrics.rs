//! `GET /metrics`: what Prometheus reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use super::AdminState;
use crate::http::{Admin, Caller};
use crate::ledger::CALLS_IN_FLIGHT_MAX;
use crate::serve::CONNECTIONS_MAX;
use crate::telemetry::{Listing, Scrape};

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
    ([(CONTENT_TYPE, Scrape::CONTENT_TYPE)], scrape(&state).render())
}

/// The counts, and what their owners say at this moment.
fn scrape(state: &AdminState) -> Scrape {
    let models = state.catalogue.snapshot();
    let listings = models.providers().map(|entry| Listing {
        provider: Arc::clone(&entry.id),
        models: entry.listed_models().count(),
        read_at_ms: entry.listed_at_ms(),
    });
    Scrape {
        metrics: Arc::clone(&state.metrics),
        calls_in_flight: state.ledger.calls_in_flight(),
        calls_in_flight_max: CALLS_IN_FLIGHT_MAX,
        connections_open: state.connections.open(),
        connections_open_max: CONNECTIONS_MAX,
        ledger_failing: !state.ledger.is_healthy(),
        listings: listings.collect(),
    }
}
