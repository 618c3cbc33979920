//! Why a command failed, in words for the person at the terminal.

use std::fmt::Display;

use crate::config::ConfigError;
use crate::out::Out;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    message: Option<String>,
}

impl Failure {
    /// A failure with the message to show.
    #[must_use]
    pub fn new(message: impl Display) -> Failure {
        Failure { message: Some(message.to_string()) }
    }

    /// A failure that the command's own output has told already.
    #[must_use]
    pub fn told() -> Failure {
        Failure { message: None }
    }

    /// Shows it on standard error.
    pub(super) fn tell(&self, out: &mut Out) {
        if let Some(message) = &self.message {
            out.complain(&format!("tollgate: {message}"));
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::new(error.to_string())
    }
}
