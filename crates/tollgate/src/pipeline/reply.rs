//! What the client sees of a call: status, headers, body.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::{CallId, Money, Standing};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::oneshot::error::RecvError;

use super::body::{MeteredBody, Reply};
use super::head::{EVENT_STREAM, Head, JSON};
use crate::call_id::set_call_id;
use crate::error::ApiError;
use crate::idempotency::Replay;
use crate::limits::set_rate_limits;

/// The response to a call that was refused.
pub(super) fn refused(call: CallId, error: ApiError, standing: &Standing) -> Response {
    let mut response = error.into_response();
    set_call_id(response.headers_mut(), call);
    set_standing(&mut response, standing);
    response
}

/// The response to a call that was answered before.
pub(super) fn replayed(replay: Replay, standing: &Standing) -> Response {
    let mut response = replay.into_response();
    set_standing(&mut response, standing);
    response
}

/// The response for the answer of a call's task. The task is lost only if it panicked; its hold was released then.
pub(super) fn render(call: CallId, answer: Result<Reply, RecvError>) -> Response {
    let (mut response, head) = match answer {
        Ok(Reply::Whole { body, cost, head }) => (whole(body, cost), head),
        Ok(Reply::Stream { body, head }) => (stream(Body::new(body)), head),
        Ok(Reply::Error { mut error, head, .. }) => {
            // One layer retries: where the gateway did, the client's SDK is told not to.
            error.should_retry = error.should_retry.or((head.attempts > 1).then_some(false));
            (error.into_response(), head)
        }
        Err(_) => {
            let message = "The gateway failed. Nothing was charged.";
            let error =
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal_error", message);
            return refused(call, error, &Standing::default());
        }
    };
    set_head(&mut response, &head);
    response
}

/// The response to a call whose upstream is slow: the stream begins now, with comments until there is more. Who will
/// serve it is not known yet, so its headers do not say.
pub(super) fn keep_waiting(head: &Head, body: MeteredBody) -> Response {
    streaming(head, Body::new(body))
}

/// The response that streams `body`.
pub(super) fn streaming(head: &Head, body: Body) -> Response {
    let mut response = stream(body);
    set_head(&mut response, head);
    response
}

fn whole(body: Bytes, cost: Option<Money>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Some(cost) = cost {
        set(headers, "x-tollgate-cost", &cost.to_string());
    }
    response
}

/// A stream of events.
pub(super) fn stream(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx and its kin buffer responses unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Says where the rates stand, also to the layer that says it in another dialect.
fn set_standing(response: &mut Response, standing: &Standing) {
    set_rate_limits(response.headers_mut(), standing);
    if *standing != Standing::default() {
        response.extensions_mut().insert(*standing);
    }
}

fn set_head(response: &mut Response, head: &Head) {
    set_standing(response, &head.standing);
    let headers = response.headers_mut();
    set_call_id(headers, head.call);
    if let Some(provider) = &head.provider {
        set(headers, "x-tollgate-provider", provider);
    }
    if let Some(model) = &head.model {
        set(headers, "x-tollgate-model", model);
    }
    if let Some(inference_provider) = &head.inference_provider {
        set(headers, "x-tollgate-inference-provider", inference_provider);
    }
    if let Some(limit) = head.output_limit {
        headers.insert("x-tollgate-max-tokens", HeaderValue::from(limit));
    }
    if !head.dropped_tools.is_empty() {
        set(headers, "x-tollgate-dropped-tools", &head.dropped_tools);
    }
    set(headers, "x-tollgate-route", &head.reason);
}

/// Sets a header unless its value holds bytes that no header may.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
