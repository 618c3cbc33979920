//! Why a request is refused, in words for its caller.

use thiserror::Error;

/// Why a request was refused: answered with status 400.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct RequestError {
    /// What is wrong, for the caller.
    pub message: String,
    /// The field at fault: `messages[3].role`.
    pub param: Option<String>,
    /// A stable word: `invalid_json`, `body_too_deep`, `too_many_fields`, `duplicate_parameter`,
    /// `missing_required_parameter`, `invalid_type`, `invalid_value`, `unsupported_parameter`; of Responses
    /// requests also `unsupported_tool`, `unsupported_item`, `mutually_exclusive_parameters`.
    pub code: &'static str,
}

impl RequestError {
    pub(crate) fn new(code: &'static str, param: &str, message: impl Into<String>) -> RequestError {
        RequestError { message: message.into(), param: Some(param.to_owned()), code }
    }

    pub(crate) fn wrong_type(param: &str, expected: &str) -> RequestError {
        RequestError::new("invalid_type", param, format!("'{param}' must be {expected}"))
    }

    pub(crate) fn wrong_value(param: &str, expected: &str) -> RequestError {
        RequestError::new("invalid_value", param, format!("'{param}' must be {expected}"))
    }

    pub(crate) fn duplicate(param: &str) -> RequestError {
        RequestError::new("duplicate_parameter", param, format!("'{param}' is given twice"))
    }

    pub(crate) fn missing(param: &str) -> RequestError {
        RequestError::new("missing_required_parameter", param, format!("'{param}' is missing"))
    }

    pub(crate) fn body(code: &'static str, message: impl Into<String>) -> RequestError {
        RequestError { message: message.into(), param: None, code }
    }
}
