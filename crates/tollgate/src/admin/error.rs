//! The refusals of the admin API, and what each is to a client.

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use domain::PlanName;

use crate::error::ApiError;
use crate::http::{Admin, Caller, Named};
use crate::ledger::LedgerError;
use crate::plans::PlanError;

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
    /// A plan was not changed.
    Plan(PlanError),
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

impl From<PlanError> for AdminError {
    fn from(error: PlanError) -> AdminError {
        match error {
            PlanError::Ledger(error) => AdminError::Ledger(error),
            other => AdminError::Plan(other),
        }
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
            AdminError::Plan(error) => from_plan(error),
            AdminError::Ledger(error) => error.into(),
        }
    }
}

fn from_plan(error: PlanError) -> ApiError {
    let message = sentence(&error.to_string());
    let conflict = |code| ApiError::invalid(StatusCode::CONFLICT, code, message.as_str());
    match error {
        PlanError::Unknown => PlanName::unknown(),
        PlanError::Configured(_) => conflict("plan_in_configuration"),
        PlanError::BuiltIn(_) => conflict("plan_built_in"),
        PlanError::InUse { .. } | PlanError::Successor { .. } => conflict("plan_in_use"),
        PlanError::NoSuccessor(_) => {
            ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message).param("trial.converts_to")
        }
        PlanError::TooMany => conflict("too_many_plans"),
        PlanError::Ledger(error) => error.into(),
    }
}

/// An error's text as a sentence: with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

/// No such path. Only the operator is told.
pub(super) async fn no_route(_: Caller<Admin>, uri: Uri) -> AdminError {
    AdminError::NotFound(format!("There is nothing at {}.", uri.path()))
}

/// A path without that method. Only the operator is told.
pub(super) async fn no_method(_: Caller<Admin>, method: Method) -> AdminError {
    AdminError::NoMethod(method)
}
