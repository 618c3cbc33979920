//! What the headers of a reply say of its call.

use std::sync::Arc;

use domain::{CallId, Standing};

/// The content type of whole answers.
pub(super) const JSON: &str = "application/json";

/// The content type of streams.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// What the response's headers say of a call.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) call: CallId,
    pub(super) provider: Option<Arc<str>>,
    pub(super) model: Option<String>,
    pub(super) inference_provider: Option<String>,
    pub(super) reason: String,
    pub(super) attempts: u32,
    pub(super) output_limit: Option<u64>,
    /// The types of the hosted tools that were left out of the request, joined.
    pub(super) dropped_tools: String,
    pub(super) standing: Standing,
}
