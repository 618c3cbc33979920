//! `GET /v1/activity`: the calls of the key, one by one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::header::HeaderMap;

use super::ApiError;
use super::activity_reply::{Asked, Format, reply};
use super::caller::{Caller, Key};
use super::calls_query::{Text, calls_query};
use super::generation::{GenerationData, render};
use super::input::QueryParams;
use super::scope::own_calls;
use crate::admin::view::ActivityView;
use crate::gateway::Worker;
use crate::ledger::usage::Calls;

calls_query! {
    /// Which calls.
    ActivityQuery {
        /// Calls of this session, as `x-tollgate-session` named it.
        #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
        session: Option<Text>,
        /// Calls with this label, as `x-tollgate-label` named it.
        #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
        label: Option<Text>,
        /// A page of JSON, or everything as `csv` or `jsonl`.
        #[param(inline)]
        format: Option<Format>,
        /// Calls on a page; 50 when nobody says.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u32>,
        /// The `next_cursor` of the page before.
        cursor: Option<String>,
    }
}

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
    let calls = query.calls(&own_calls(&principal)).map(|calls| Calls {
        session: query.session.as_ref().map(|text| text.0.clone()),
        label: query.label.as_ref().map(|text| text.0.clone()),
        ..calls
    });
    let asked = Asked { format: query.format, limit: query.limit, cursor: query.cursor.as_deref() };
    reply(&worker.gateway.ledger, &headers, calls, asked, render).await
}
