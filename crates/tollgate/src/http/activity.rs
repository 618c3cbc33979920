//! `GET /v1/activity`: the calls of the key, one by one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::header::HeaderMap;

use super::activity_reply::reply;
use super::caller::{Caller, Key};
use super::calls_query::activity_query;
use super::generation::{GenerationData, render};
use super::input::QueryParams;
use super::scope::own_calls;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::view::ActivityView;

activity_query!(ActivityQuery {});

/// Calls, one by one
///
/// Newest first, in the order in which they ended. A page is the same however many calls come meanwhile. Exports stream
/// everything from `cursor` on; `Accept: text/csv` and `application/jsonl` ask for them as well.
#[utoipa::path(
    get,
    path = "/v1/activity",
    tag = "Account",
    params(ActivityQuery),
    responses(
        (status = 200, content(
            (ActivityView<GenerationData> = "application/json"),
            (String = "text/csv"),
            (String = "application/jsonl"),
        )),
        (status = 503),
    )
)]
pub(super) async fn list(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<ActivityQuery>,
) -> Result<Response, ApiError> {
    reply(&worker.gateway.ledger, &headers, query.asked(&own_calls(&principal)), render).await
}
