//! `GET /v1/usage`: what the calls of the key came to, interval by interval.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::caller::{Caller, Key};
use super::input::QueryParams;
use super::scope::own_calls;
use super::usage_reply::{reply, usage_query};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::usd::Usd;
use crate::view::UsageView;

usage_query!(UsageQuery {});

/// Usage over time
///
/// Requests, errors, tokens, cost, and how fast it went. `from` and `to` are widened to whole intervals of UTC.
/// At most 10,000 points: a series of more is refused with `too_many_points`. A year by day and key is that many for 27
/// keys; with more, ask by month, for fewer days, or for one key at a time.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "Account",
    params(UsageQuery),
    responses((status = 200, body = UsageView<Usd>), (status = 503))
)]
pub(super) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    QueryParams(query): QueryParams<UsageQuery>,
) -> Result<Json<UsageView<Usd>>, ApiError> {
    reply(&worker.gateway.ledger, query.asked(&own_calls(&principal)), Usd).await
}
