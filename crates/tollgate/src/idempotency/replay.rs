//! The stored answer of the first request, as a response to a repeat.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::CallId;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::call_id::set_call_id;

/// Says that an answer is one of an earlier request.
const REPLAYED: &str = "idempotent-replayed";

/// A stored answer.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(super) call: Option<CallId>,
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

impl IntoResponse for Replay {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        if let Ok(content_type) = HeaderValue::from_str(&self.content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        // It may hold a secret that is shown to whoever asked first.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(call) = self.call {
            set_call_id(headers, call);
        }
        response
    }
}
