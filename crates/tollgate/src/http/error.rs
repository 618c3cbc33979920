//! The one table from errors to HTTP: status, body, and whether a client should try again.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use wire::error::ErrorBody;

use super::key_error;
use super::limit_error;
use super::session_error;
use crate::catalog::ResolveError;
use crate::ledger::BILLING_UNAVAILABLE;
use crate::ledger::usage::TAG_CHARS_MAX;
use crate::pipeline::{Failure, Refusal};
use crate::upstream::SendError;

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
    pub(super) fn unavailable(code: &'static str, message: &str) -> Self {
        ApiError::server(StatusCode::SERVICE_UNAVAILABLE, code, message).after(Some(Duration::from_secs(1)))
    }

    fn server(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(status, "server_error", code, message)
    }

    /// Names the parameter at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.body.param = Some(param.into());
        self
    }

    pub(super) fn retry(mut self, should: bool) -> Self {
        self.should_retry = Some(should);
        self
    }

    pub(super) fn after(mut self, wait: Option<Duration>) -> Self {
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

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::NoKey => key_error::missing(),
            Refusal::BadKey => key_error::wrong(),
            Refusal::KeyExpired { expires_at_ms } => key_error::expired(expires_at_ms),
            Refusal::AddressNotAllowed(address) => key_error::elsewhere(address),
            Refusal::NotManagement => key_error::not_management(),
            Refusal::Busy => ApiError::unavailable("overloaded", "Too many calls are in flight. Try again shortly."),
            Refusal::NoRoom => {
                ApiError::unavailable("overloaded", "Too many large requests are in flight. Try again shortly.")
            }
            Refusal::LedgerFailing => {
                ApiError::unavailable(BILLING_UNAVAILABLE, "Credit cannot be reserved at the moment. Nothing was charged.")
            }
            Refusal::Closing => ApiError::unavailable("shutting_down", "The gateway is stopping. Try again shortly."),
            Refusal::ContentType(got) => ApiError::invalid(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("The body must be sent as 'Content-Type: application/json', not '{got}'."),
            ),
            Refusal::ContentEncoding => ApiError::invalid(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be sent uncompressed, without 'Content-Encoding'.",
            ),
            Refusal::BodyTooLarge(limit) => ApiError::invalid(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body is larger than the limit of {limit} bytes."),
            ),
            Refusal::Tag(header) => ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "invalid_value",
                format!("The header '{header}' must have 1 to {TAG_CHARS_MAX} visible characters, and come once."),
            )
            .param(header),
            Refusal::BodyBroken(why) => ApiError::invalid(StatusCode::BAD_REQUEST, "body_incomplete", why),
            Refusal::Idempotency(refused) => refused.into(),
            Refusal::Request(error) => ApiError {
                body: ErrorBody {
                    message: error.message,
                    kind: "invalid_request_error",
                    param: error.param,
                    code: Some(Cow::Borrowed(error.code)),
                },
                ..ApiError::invalid(StatusCode::BAD_REQUEST, "", "")
            },
            Refusal::Session(refusal) => session_error::refused(refusal),
            Refusal::Route(error) => no_route(error),
            Refusal::Unpriced(model) => ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "model_not_priced",
                format!(
                    "The model '{model}' has no price here, so it cannot be paid from credit. The operator can \
                     set one under [models.\"{model}\"]."
                ),
            )
            .param("model"),
            Refusal::NoCredit(no_credit) => limit_error::no_credit(&no_credit),
            Refusal::Limited(limited) => limit_error::limited(&limited),
            Refusal::TrialOver { ended_at_ms } => limit_error::trial_over(ended_at_ms),
            Refusal::NoPlan(plan) => limit_error::no_plan(&plan),
            Refusal::ModelNotAllowed(model) => limit_error::model_not_allowed(&model),
        }
    }
}

impl From<&Failure> for ApiError {
    fn from(failure: &Failure) -> ApiError {
        match failure {
            Failure::Send(SendError::Connect(_)) => {
                bad_gateway("upstream_unreachable", "The provider could not be reached.")
            }
            Failure::Send(SendError::TurnedAway(_) | SendError::Broken(_)) => {
                bad_gateway("upstream_connection", "The provider closed the connection without an answer.")
            }
            Failure::Send(SendError::Timeout(deadline)) => timed_out(format!(
                "The provider sent nothing for {} s. A longer first_byte_ms in its timeouts waits longer.",
                deadline.as_secs()
            )),
            Failure::Status { status, error, retry_after } => from_status(*status, error, *retry_after),
            Failure::InBand(error) => {
                bad_gateway("upstream_error", format!("The provider reported an error: {}", error.message))
            }
            Failure::Malformed(why) => {
                bad_gateway("upstream_malformed", format!("The provider's answer is no valid one: {why}."))
            }
            Failure::Cut => bad_gateway("upstream_cut", "The provider's answer was cut off before its end."),
            Failure::Stall => timed_out("The provider went silent in the middle of its answer."),
            Failure::Timeout => timed_out("The call took longer than the total deadline of its provider."),
            Failure::Shutdown => {
                ApiError::unavailable("shutting_down", "The gateway was stopped during the call.")
            }
            Failure::ClientGone => bad_gateway("client_gone", "The client left."),
            Failure::Cancelled => bad_gateway("cancelled", "The response was cancelled."),
            Failure::Unsettled => ApiError::unavailable(
                BILLING_UNAVAILABLE,
                "The answer could not be recorded, so it is not complete.",
            ),
        }
    }
}

fn bad_gateway(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::server(StatusCode::BAD_GATEWAY, code, message)
}

fn timed_out(message: impl Into<String>) -> ApiError {
    ApiError::server(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
}

fn no_route(error: ResolveError) -> ApiError {
    match error {
        ResolveError::UnknownProvider { asked, known } => ApiError::invalid(
            StatusCode::BAD_REQUEST,
            "unknown_provider",
            format!("There is no provider '{asked}'. Known providers: {}.", known.join(", ")),
        )
        .param("provider"),
        ResolveError::UnknownModel { asked, close } => {
            let hint = if close.is_empty() {
                "GET /v1/models lists those that are served.".to_owned()
            } else {
                format!("Did you mean: {}?", close.join(", "))
            };
            ApiError::invalid(
                StatusCode::NOT_FOUND,
                "model_not_found",
                format!("The model '{asked}' does not exist here. {hint}"),
            )
            .param("model")
        }
        ResolveError::NotServed(message) => {
            ApiError::invalid(StatusCode::BAD_REQUEST, "model_not_supported", message).param("model")
        }
        ResolveError::NotLoaded(provider) => ApiError::unavailable(
            "catalogue_not_loaded",
            &format!("The catalogue of '{provider}' has not been read yet. Try again shortly."),
        ),
    }
}

/// What an upstream's status means to our client. Its 401, 402 and 403 are about our credential, not the client's.
fn from_status(status: u16, error: &wire::error::UpstreamError, retry_after: Option<Duration>) -> ApiError {
    let said = &error.message;
    match status {
        401 | 403 => bad_gateway(
            "upstream_auth",
            "The provider refused the gateway's own credential. The operator has to mend it.",
        ),
        402 => ApiError::server(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream_quota_exhausted",
            "The gateway's own credit at the provider is exhausted. The operator has to top it up.",
        )
        .retry(false),
        404 | 410 => ApiError::invalid(StatusCode::NOT_FOUND, "model_not_found", said).param("model"),
        429 => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "rate_limit_exceeded",
            format!("The provider limits the rate: {said}"),
        )
        .after(retry_after),
        400..=499 => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let mut api = ApiError::invalid(status, "upstream_rejected", said);
            if let Some(code) = error.code.as_ref().filter(|code| is_word(code)) {
                api.body.code = Some(Cow::Owned(code.clone()));
            }
            api.body.param.clone_from(&error.param);
            api
        }
        503 | 529 => ApiError::server(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream_unavailable",
            format!("The provider is not available: {said}"),
        )
        .after(retry_after),
        504 => timed_out(format!("The provider timed out: {said}")),
        _ => bad_gateway("upstream_error", format!("The provider failed with status {status}: {said}")),
    }
}

/// Whether an upstream's code is one: codes are stored and logged, where sentences do not belong.
fn is_word(code: &str) -> bool {
    let in_words = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=64).contains(&code.len()) && code.bytes().all(in_words)
}
