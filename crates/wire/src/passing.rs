//! Fields that every dialect shares: those of the gateway, and those that pass to the upstream as they are.

use crate::chat::parameters;
use crate::json::{self, Field};
use crate::object::Object;
use crate::request_error::RequestError;
use crate::session;

/// Texts at which an answer ends. OpenAI takes 4; who needs more than this needs another way.
const STOPS_MAX: usize = 64;

/// Fields of a chat request that the values of a pivot request are told by, those that only other dialects have, and
/// those whose answer no dialect but chat can show. They cannot pass beside those values.
const TOLD: [&str; 28] = [
    "background",
    "conversation",
    "function_call",
    "functions",
    "input",
    "instructions",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages",
    "model",
    "n",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "provider",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "session_id",
    "stop",
    "store",
    "stream",
    "stream_options",
    "tool_choice",
    "tools",
    "top_logprobs",
];

/// Where a dialect is spoken, for what it refuses.
pub(crate) struct Place {
    /// The address: `/v1/messages`.
    pub(crate) route: &'static str,
    /// Fields of other dialects, each with the one that says the same here.
    pub(crate) instead: &'static [(&'static str, &'static str)],
}

/// A field that the dialect does not know, for the upstream, which may. `null` says nothing.
///
/// What chat judges (its price, its bound, its spelling) is judged when the request is worded in chat.
pub(crate) fn passing(field: &Field<'_>, place: &Place) -> Result<Option<(String, String)>, RequestError> {
    if field.value == "null" {
        return Ok(None);
    }
    let key = field.key.as_ref();
    if TOLD.contains(&key) {
        let hint = match place.instead.iter().find(|(other, _)| *other == key) {
            Some((_, instead)) => format!(": give '{instead}' in its place"),
            None => String::new(),
        };
        let message = format!("'{key}' is not a parameter of {}{hint}", place.route);
        return Err(RequestError::new("unsupported_parameter", key, message));
    }
    Ok(Some((key.to_owned(), field.value.to_owned())))
}

/// The name of the session that the request goes on with.
pub(crate) fn session_id(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    session::session_id(body.raw("session_id").unwrap_or("null"))
}

/// The gateway's provider that is asked for.
pub(crate) fn provider(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    body.raw("provider").map(parameters::provider).transpose()
}

/// The model that is asked for.
pub(crate) fn model(body: &Object<'_>) -> Result<String, RequestError> {
    parameters::model(body.raw("model").ok_or_else(|| RequestError::missing("model"))?)
}

/// The output limit in `key`, in tokens.
pub(crate) fn output_limit(body: &Object<'_>, key: &str) -> Result<Option<u64>, RequestError> {
    body.raw(key).map(|raw| parameters::output_limit(key, raw)).transpose()
}

/// A number, as it was written.
pub(crate) fn number(body: &Object<'_>, key: &str) -> Result<Option<(String, String)>, RequestError> {
    match body.raw(key) {
        None => Ok(None),
        Some(raw) if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            Ok(Some((key.to_owned(), raw.to_owned())))
        }
        Some(_) => Err(RequestError::wrong_type(key, "a number")),
    }
}

/// Texts at which the answer ends: one, or an array.
pub(crate) fn stop(body: &Object<'_>, key: &str) -> Result<Vec<String>, RequestError> {
    let Some(raw) = body.raw(key) else { return Ok(Vec::new()) };
    if let Some(text) = json::string(raw) {
        return Ok(vec![text.into_owned()]);
    }
    let read = |(at, raw): (usize, &str)| match json::string(raw) {
        Some(text) => Ok(text.into_owned()),
        None => Err(RequestError::wrong_type(&format!("{key}[{at}]"), "a string")),
    };
    body.elements(key, STOPS_MAX)?.unwrap_or_default().into_iter().enumerate().map(read).collect()
}
