//! An error as a client sees it.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use wire::error::ErrorBody;

/// An error as a client sees it.
#[derive(Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// OpenAI's error object.
    pub body: ErrorBody,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Overrides what SDKs decide from the status alone.
    pub should_retry: Option<bool>,
}

impl ApiError {
    /// An error with a status, OpenAI's `type`, a stable `code` and a message.
    #[must_use]
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let body = ErrorBody { message: message.into(), kind, param: None, code: Some(Cow::Borrowed(code)) };
        ApiError { status, body, retry_after: None, should_retry: None }
    }

    /// A request that can never succeed as it is.
    #[must_use]
    pub fn invalid(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(status, "invalid_request_error", code, message)
    }

    /// Not at the moment, and soon again.
    pub(crate) fn unavailable(code: &'static str, message: &str) -> Self {
        ApiError::server(StatusCode::SERVICE_UNAVAILABLE, code, message).after(Some(Duration::from_secs(1)))
    }

    pub(super) fn server(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(status, "server_error", code, message)
    }

    /// Names the parameter at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.body.param = Some(param.into());
        self
    }

    pub(crate) fn retry(mut self, should: bool) -> Self {
        self.should_retry = Some(should);
        self
    }

    pub(crate) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The stable code, for the receipt.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.code.as_deref()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.render()));
        // For a client of another dialect it is written anew.
        response.extensions_mut().insert(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = self.retry_after {
            // Rounded up to whole seconds and to milliseconds: a client that waits them is never early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
            headers.insert("retry-after-ms", HeaderValue::from(millis));
        }
        if let Some(should) = self.should_retry {
            headers.insert("x-should-retry", HeaderValue::from_static(if should { "true" } else { "false" }));
        }
        response
    }
}
