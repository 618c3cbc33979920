//! Errors: the object that clients get, in the shape of OpenAI, and what was read from an upstream.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

pub use crate::upstream_error::UpstreamError;

/// An error for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What went wrong and what to do, in a sentence.
    pub message: String,
    /// The class of the error, as OpenAI names it: `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The parameter that is at fault.
    pub param: Option<String>,
    /// A stable word for programs.
    pub code: Option<Cow<'static, str>>,
}

impl ErrorBody {
    /// `{"error":{"message":…,"type":…,"param":…,"code":…}}`, all four keys always there.
    #[must_use]
    pub fn render(&self) -> Bytes {
        let mut body = b"{\"error\":".to_vec();
        self.write(&mut body);
        body.push(b'}');
        body.into()
    }

    /// For a stream that came whole but for the reason why it ended, which is no success.
    pub(crate) fn unsaid() -> ErrorBody {
        ErrorBody {
            message: "The provider's answer ended without saying why, so it may not be whole.".to_owned(),
            kind: "server_error",
            param: None,
            code: Some(Cow::Borrowed("upstream_cut")),
        }
    }

    /// Appends the inner object.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        // Writing strings to memory cannot fail.
        let _ = serde_json::to_writer(out, self);
    }
}
