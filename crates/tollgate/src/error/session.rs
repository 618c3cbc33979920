//! Why a call cannot go on in a conversation, as a client sees it.

use hyper::StatusCode;
use std::time::Duration;

use tracing::warn;
use wire::session::SESSION_CHARS_MAX;

use super::api_error::ApiError;
use crate::sessions::SessionRefusal;
use domain::receipt::BILLING_UNAVAILABLE;

/// When to try a conversation again that another call is in.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// The error for a client.
pub(super) fn refused(refusal: SessionRefusal) -> ApiError {
    match refusal {
        SessionRefusal::NoResponse(id) => {
            let message = format!("There is no response '{}' to go on from.", short(&id));
            unknown("previous_response_not_found", message).param("previous_response_id")
        }
        SessionRefusal::NoConversation(id) => {
            let message = format!("There is no conversation '{}'.", short(&id));
            unknown("conversation_not_found", message).param("conversation")
        }
        SessionRefusal::NoItem(id) => {
            unknown("item_not_found", format!("There is no item '{}'.", short(&id))).param("input")
        }
        SessionRefusal::Unfinished(id) => {
            let message = format!("The response '{}' is still in progress.", short(&id));
            bad("response_in_progress", message).param("previous_response_id")
        }
        SessionRefusal::Several => bad(
            "mutually_exclusive_parameters",
            "Give only one of 'previous_response_id', 'conversation' and 'session_id'.",
        ),
        SessionRefusal::BadName(place) => {
            let message = format!(
                "'{place}' must have 1 to {SESSION_CHARS_MAX} visible ASCII characters, which may have spaces between \
                 them, and be the same wherever it stands."
            );
            bad("invalid_value", message).param(place)
        }
        SessionRefusal::Busy => {
            let message = "Another call is under way in this conversation. Try again when it has ended.";
            ApiError::invalid(StatusCode::CONFLICT, "conversation_locked", message)
                .after(Some(BUSY_WAIT))
                .retry(true)
        }
        SessionRefusal::TooLong => {
            let message = "The history, the input and the items that it refers to are too long together. Refer to fewer, \
                           begin anew, or delete some of the items.";
            bad("context_length_exceeded", message).param("input")
        }
        SessionRefusal::Overflow(overflow) => {
            let message = format!(
                "The history and the input have about {} tokens, and the model's context leaves {} for them. Shorten \
                 them, begin anew, or let the history be cut with \"truncation\": \"auto\".",
                overflow.needed, overflow.room
            );
            bad("context_length_exceeded", message).param("input")
        }
        SessionRefusal::TooMany => ApiError::unavailable(
            "overloaded",
            "Too many responses run in the background. Try again shortly.",
        ),
        SessionRefusal::Full(bytes_max) => {
            let message = format!(
                "The stored sessions of this account have reached {bytes_max} bytes. Delete some, or send \
                 \"store\": false."
            );
            ApiError::invalid(StatusCode::FORBIDDEN, "session_storage_full", message)
        }
        SessionRefusal::Store(error) => {
            warn!(%error, "sessions cannot be read");
            ApiError::unavailable(BILLING_UNAVAILABLE, "Stored sessions cannot be read at the moment.")
        }
    }
}

fn unknown(code: &'static str, message: String) -> ApiError {
    ApiError::invalid(StatusCode::NOT_FOUND, code, message)
}

fn bad(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message)
}

/// As much of what a client wrote as an error repeats.
fn short(id: &str) -> String {
    id.chars().take(100).collect()
}
