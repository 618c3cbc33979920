//! `GET /v1/usage`: what the calls of the key came to, interval by interval.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::ApiError;
use super::caller::{Caller, Key};
use super::calls_query::calls_query;
use super::input::QueryParams;
use super::scope::own_calls;
use super::usage_reply::{GroupText, IntervalText, reply};
use crate::admin::view::UsageView;
use crate::gateway::Worker;
use crate::usd::Usd;

calls_query! {
    /// Which calls, and how they are summed up.
    UsageQuery {
        /// How long each point is; `day` when nobody says.
        #[param(inline)]
        interval: Option<IntervalText>,
        /// What the lines stand for; `none` when nobody says.
        #[param(inline)]
        group_by: Option<GroupText>,
    }
}

/// Usage over time
///
/// Requests, errors, tokens, cost, and how fast it went. `from` and `to` are widened to whole intervals of UTC.
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
    let calls = query.calls(&own_calls(&principal));
    let now_ms = worker.gateway.clock.now_ms();
    reply(&worker.gateway.ledger, calls, query.interval, query.group_by, now_ms, Usd).await
}
