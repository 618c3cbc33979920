//! The one table from refusals and failures to HTTP: status, body, and whether a client should try again.

use std::borrow::Cow;
use std::time::Duration;

use domain::receipt::BILLING_UNAVAILABLE;
use hyper::StatusCode;
use wire::error::ErrorBody;

use super::api_error::ApiError;
use super::refusal::{Failure, Refusal};
use super::{key, limit, session};
use crate::catalog::ResolveError;
use crate::ledger::usage::TAG_CHARS_MAX;
use crate::upstream::SendError;

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::NoKey => key::missing(),
            Refusal::BadKey => key::wrong(),
            Refusal::KeyExpired { expires_at_ms } => key::expired(expires_at_ms),
            Refusal::AddressNotAllowed(address) => key::elsewhere(address),
            Refusal::NotManagement => key::not_management(),
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
            Refusal::Session(refusal) => session::refused(refusal),
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
            Refusal::NoCredit(no_credit) => limit::no_credit(&no_credit),
            Refusal::Limited(limited) => limit::limited(&limited),
            Refusal::TrialOver { ended_at_ms } => limit::trial_over(ended_at_ms),
            Refusal::NoPlan(plan) => limit::no_plan(&plan),
            Refusal::ModelNotAllowed(model) => limit::model_not_allowed(&model),
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
                "The provider sent nothing for {} ms. A longer first_byte_ms in its timeouts waits longer.",
                deadline.as_millis()
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
