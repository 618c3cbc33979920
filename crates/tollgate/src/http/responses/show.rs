//! `GET /v1/responses/{id}`: a stored response, or the events of one that runs or ran in the background.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::schema::{ResponseAnswer, ResponseEvent};
use super::{find, stored};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::ids::ResponseId;
use crate::http::{Caller, Key, PathId, QueryParams};
use crate::pipeline::background_events;

/// How a response is shown.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Shown {
    /// Whether to stream the events of a response that runs in the background, or ran there in the last five minutes.
    #[serde(default)]
    #[param(required = false)]
    stream: bool,
    /// The `sequence_number` of the last event that was read, to go on after it.
    starting_after: Option<u64>,
}

/// A stored response
///
/// It can be read as soon as its last event was sent. A response that runs in the background is `queued` or
/// `in_progress` until it has ended.
#[utoipa::path(
    get,
    path = "/v1/responses/{response}",
    tag = "Responses",
    params(("response" = String, Path, description = "The response's id."), Shown),
    responses(
        (status = 200, content((ResponseAnswer = "application/json"), (ResponseEvent = "text/event-stream"))),
        (status = 503)
    )
)]
pub(in crate::http) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(ResponseId(call)): PathId<ResponseId>,
    QueryParams(shown): QueryParams<Shown>,
) -> Result<Response, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    if !shown.stream {
        return stored(gateway, account, call).await;
    }
    find(gateway, account, call).await?;
    let read = shown.starting_after.map_or(0, |last| last.saturating_add(1));
    let run = gateway.runs.get(account, call).ok_or_else(|| {
        let message = "The events of this response are not kept: they are while it runs in the background and for \
                       five minutes after that. Retrieve it without 'stream'.";
        ApiError::invalid(StatusCode::BAD_REQUEST, "stream_not_available", message).param("stream")
    })?;
    Ok(background_events(run, usize::try_from(read).unwrap_or(usize::MAX), gateway))
}
