//! The refusals of the admin API, and what each is to a client.

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::http::{Admin, ApiError, Caller};
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

    /// A plan that does not exist.
    pub(super) fn no_such_plan(name: &str) -> AdminError {
        let name: String = name.chars().take(100).collect();
        AdminError::invalid("plan", format!("There is no plan '{name}'."))
    }
}

impl From<LedgerError> for AdminError {
    fn from(error: LedgerError) -> AdminError {
        AdminError::Ledger(error)
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> ApiError {
        match error {
            AdminError::Unauthorized => ApiError::invalid(
                StatusCode::UNAUTHORIZED,
                "invalid_admin_key",
                "The admin key is missing or wrong. Send it as 'Authorization: Bearer <key>'.",
            ),
            AdminError::ForeignHost => ApiError::invalid(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown_host",
                "Use localhost, an IP address, or a name listed in [admin] hosts.",
            ),
            AdminError::Invalid { param, message } => {
                let refused = ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message);
                match param {
                    Some(param) => refused.param(param),
                    None => refused,
                }
            }
            AdminError::NotFound(message) => ApiError::invalid(StatusCode::NOT_FOUND, "not_found", message),
            AdminError::NoMethod(method) => ApiError::invalid(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                format!("{method} is not possible here."),
            ),
            AdminError::Ledger(error) => error.into(),
        }
    }
}

/// No such path. Only the operator is told.
pub(super) async fn no_route(_: Caller<Admin>, uri: Uri) -> AdminError {
    AdminError::NotFound(format!("There is nothing at {}.", uri.path()))
}

/// A path without that method. Only the operator is told.
pub(super) async fn no_method(_: Caller<Admin>, method: Method) -> AdminError {
    AdminError::NoMethod(method)
}
