//! The refusals of the admin API, in OpenAI's error shape.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::ledger::LedgerError;

/// Why an admin request was refused.
#[derive(Debug)]
pub enum AdminError {
    /// No admin key, or a wrong one.
    Unauthorized,
    /// The request names a host that is not ours.
    ForeignHost,
    /// A field or a parameter is missing, unknown or refused.
    Invalid {
        /// Its name, where it is about one.
        param: Option<String>,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The body is not sent as JSON.
    NotJson,
    /// The body is larger than [`super::fields::BODY_BYTES_MAX`].
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    /// Nothing is there: the message says what was looked for.
    NotFound(String),
    /// The path exists, the method does not.
    NoMethod(Method),
    /// The ledger refused or failed.
    Ledger(LedgerError),
}

impl AdminError {
    /// A refused field.
    pub(super) fn invalid(param: &str, message: impl Into<String>) -> AdminError {
        AdminError::Invalid { param: Some(param.to_owned()), message: message.into() }
    }
}

impl From<LedgerError> for AdminError {
    fn from(error: LedgerError) -> AdminError {
        AdminError::Ledger(error)
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, code, param, message) = self.describe();
        let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let body = Body { error: Detail { message, r#type: kind, param, code } };
        let text = serde_json::to_vec(&body).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
    }
}

#[derive(Serialize)]
struct Body {
    error: Detail,
}

#[derive(Serialize)]
struct Detail {
    message: String,
    r#type: &'static str,
    param: Option<String>,
    code: &'static str,
}

type Description = (StatusCode, &'static str, Option<String>, String);

impl AdminError {
    fn describe(self) -> Description {
        let plain = |status, code, message: &str| (status, code, None, message.to_owned());
        match self {
            AdminError::Unauthorized => plain(
                StatusCode::UNAUTHORIZED,
                "invalid_admin_key",
                "The admin key is missing or wrong. Send it as 'Authorization: Bearer <key>'.",
            ),
            AdminError::ForeignHost => plain(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown_host",
                "Use localhost, an IP address, or a name listed in [admin] hosts.",
            ),
            AdminError::Invalid { param, message } => {
                (StatusCode::BAD_REQUEST, "invalid_value", param, message)
            }
            AdminError::NotJson => plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be sent as 'Content-Type: application/json'.",
            ),
            AdminError::TooLarge => {
                plain(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than 64 KiB.")
            }
            AdminError::TooSlow => {
                plain(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not come within 10 s.")
            }
            AdminError::NotFound(message) => (StatusCode::NOT_FOUND, "not_found", None, message),
            AdminError::NoMethod(method) => {
                let message = format!("{method} is not possible here.");
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None, message)
            }
            AdminError::Ledger(error) => describe_ledger(&error),
        }
    }
}

fn describe_ledger(error: &LedgerError) -> Description {
    let invalid = StatusCode::BAD_REQUEST;
    match error {
        LedgerError::UnknownAccount => {
            (StatusCode::NOT_FOUND, "account_not_found", None, "There is no such account.".to_owned())
        }
        LedgerError::UnknownKey => {
            (StatusCode::NOT_FOUND, "key_not_found", None, "There is no such key.".to_owned())
        }
        LedgerError::Conflict => {
            let message = "This reference was used before for a grant of another amount.";
            (StatusCode::CONFLICT, "reference_conflict", Some("reference".to_owned()), message.to_owned())
        }
        LedgerError::TooLarge => {
            let message = "The account's total would be too large.";
            (invalid, "total_too_large", Some("amount".to_owned()), message.to_owned())
        }
        LedgerError::Invalid(what) => (invalid, "invalid_value", None, format!("Refused: {what}.")),
        LedgerError::Closed => {
            let message = "The gateway is stopping. Try again shortly.";
            (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", None, message.to_owned())
        }
        _ => {
            // The details name files and engines: they are for the operator's log.
            tracing::error!(%error, "an admin request failed");
            let message = "The store failed. The gateway's log says why.";
            (StatusCode::INTERNAL_SERVER_ERROR, "store_failed", None, message.to_owned())
        }
    }
}

/// No such path.
pub(super) async fn no_route(uri: Uri) -> AdminError {
    AdminError::NotFound(format!("There is nothing at {}.", uri.path()))
}

/// A path without that method.
pub(super) async fn no_method(method: Method) -> AdminError {
    AdminError::NoMethod(method)
}
