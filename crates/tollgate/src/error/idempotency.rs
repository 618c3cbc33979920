//! What a client is told whose idempotency key does not let its request be served.

use std::time::Duration;

use domain::CallId;
use hyper::StatusCode;

use super::api_error::ApiError;
use crate::idempotency::Refused;
use crate::ledger::LedgerError;

/// When to ask again for the answer of a request that is still running.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        match refused {
            Refused::BadKey => ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "An Idempotency-Key has 1 to 255 visible ASCII characters, and is sent once.",
            ),
            Refused::InProgress => {
                let message =
                    "The first request with this Idempotency-Key is still running. Ask again shortly.";
                let mut error = conflict("idempotency_in_progress", message, true);
                error.retry_after = Some(ASK_AGAIN_AFTER);
                error
            }
            Refused::OtherRequest => ApiError::invalid(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_mismatch",
                "This Idempotency-Key was used for another request. Send a new key with a new request.",
            ),
            Refused::TooLarge(call) => conflict("idempotency_answer_too_large", too_large(call), false),
            Refused::OtherCredential => conflict(
                "idempotency_other_credential",
                "The answer holds a secret, which is shown again only to the key that it was first shown to.",
                false,
            ),
            Refused::Full => {
                let message = "Too many answers are kept for Idempotency-Keys. Each is kept for 24 hours: wait, or \
                               send the request without a key.";
                let mut error = ApiError::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limit_error",
                    "idempotency_full",
                    message,
                );
                error.should_retry = Some(false);
                error
            }
            Refused::Ledger(LedgerError::Closed) => {
                let message = "The gateway is stopping. Try again shortly.";
                server(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message)
            }
            Refused::Unreadable | Refused::Entropy(_) | Refused::Ledger(_) => {
                // The details name files and engines: they are for the operator's log.
                tracing::error!(reason = ?refused, "a kept answer was not read");
                let message = "The stored answer could not be read. The gateway's log says why.";
                server(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", message)
            }
        }
    }
}

fn too_large(call: Option<CallId>) -> String {
    let kept = "This request was answered, and its answer was too large to be kept.";
    call.map_or(kept.to_owned(), |call| format!("{kept} It was charged once: GET /v1/generation?id={call}"))
}

fn conflict(code: &'static str, message: impl Into<String>, should_retry: bool) -> ApiError {
    let mut error = ApiError::invalid(StatusCode::CONFLICT, code, message);
    error.should_retry = Some(should_retry);
    error
}

fn server(status: StatusCode, code: &'static str, message: &str) -> ApiError {
    let mut error = ApiError::new(status, "server_error", code, message);
    error.retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(ASK_AGAIN_AFTER);
    error
}
