//! What all routes share: the call id on every reply, and errors for what is no route.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONNECTION, HeaderMap, UPGRADE};
use hyper::{Method, StatusCode, Uri};

use super::{anthropic, ids};
use crate::call_id::{CALL_ID, set_call_id};
use crate::error::ApiError;
use crate::gateway::Worker;

/// Gives a call id to the replies that have none, and those of Anthropic's API their shape.
pub(super) async fn finish_reply(
    State(worker): State<Arc<Worker>>,
    request: Request,
    next: Next,
) -> Response {
    let for_anthropic = anthropic::answers(request.uri().path());
    let mut response = next.run(request).await;
    if !response.headers().contains_key(CALL_ID) {
        set_call_id(response.headers_mut(), worker.gateway.next_call_id());
    }
    if for_anthropic {
        response = anthropic::dress(response, worker.gateway.clock.now_ms());
    }
    response
}

pub(super) async fn no_such_route(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    let hint = if path.starts_with("/v1/") { "" } else { " The API is below /v1." };
    ApiError::invalid(StatusCode::NOT_FOUND, "not_found", format!("There is no route {path}.{hint}"))
}

/// A path that is served, by another method.
pub(super) async fn no_such_method(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    ids: Result<RawPathParams, RawPathParamsRejection>,
) -> Response {
    if ids.is_ok_and(|ids| ids.iter().any(|(name, text)| !ids::can_be(name, text))) {
        return no_such_route(uri).await.into_response();
    }
    let path: String = uri.path().chars().take(200).collect();
    // Clients that would rather have a WebSocket go on without one at this status, and try again at another.
    if headers.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        let message = format!("{path} speaks no WebSocket. Send requests by POST.");
        let error = ApiError::invalid(StatusCode::UPGRADE_REQUIRED, "no_websocket", message);
        // The status names the protocol that is wanted (RFC 9110, section 15.5.22), which is the one that the client has.
        return ([(UPGRADE, "HTTP/1.1"), (CONNECTION, "upgrade")], error).into_response();
    }
    let message = format!("{path} does not take {method}.");
    ApiError::invalid(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response()
}
