//! A Responses request: what it asks for in no dialect, and what only this dialect has.

use super::extras::Extras;
use super::tools::HostedTools;
use crate::pivot;
use crate::request_error::RequestError;

/// A checked Responses request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsesRequest {
    /// What is asked for.
    pub ask: pivot::Request,
    /// What only the response object shows.
    pub extras: Extras,
    /// Whether the response is to be stored.
    pub store: bool,
    /// Whether it is to be made in the background; then it is stored, too.
    pub background: bool,
    /// The id of the response to go on from, as the client wrote it.
    pub previous: Option<String>,
    /// The id of the conversation to go on with, as the client wrote it. Never together with `previous`.
    pub conversation: Option<String>,
    /// The name of the session to go on with: 1 to 128 visible ASCII characters.
    pub session_id: Option<String>,
    /// Whether a history that is too long is cut at its front, instead of being refused.
    pub truncate: bool,
    /// The ids of stored items that the input refers to, in order, each with the place in `ask.input` in front of which
    /// it stands.
    pub references: Vec<(usize, String)>,
    /// The `encrypted_content` of reasoning items, in order, each with the place of its item in `ask.input`.
    pub sealed: Vec<(usize, String)>,
    /// Whether reasoning items are to carry `encrypted_content`.
    pub include_sealed: bool,
    /// The types of the hosted tools, and of their items, that were left out.
    pub dropped: Vec<String>,
}

impl ResponsesRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(_body: &[u8], _hosted: HostedTools) -> Result<ResponsesRequest, RequestError> {
        Err(RequestError::missing("model"))
    }
}
