//! Fields that dialects share: settings, and what passes to the upstream as it is.

use crate::json::{self, Field};
use crate::object::Object;
use crate::parameters;
use crate::request_error::RequestError;

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
pub(crate) struct Door {
    /// The address: `/v1/messages`.
    pub(crate) route: &'static str,
    /// Fields of other dialects, each with the one that says the same here.
    pub(crate) instead: &'static [(&'static str, &'static str)],
}

/// A field that the dialect does not know, for the upstream, which may. `null` says nothing.
///
/// What chat judges (its price, its bound, its spelling) is judged when the request is worded in chat.
pub(crate) fn passing(field: &Field<'_>, door: &Door) -> Result<Option<(String, String)>, RequestError> {
    if field.value == "null" {
        return Ok(None);
    }
    let key = field.key.as_ref();
    if TOLD.contains(&key) {
        let hint = match door.instead.iter().find(|(other, _)| *other == key) {
            Some((_, instead)) => format!(": give '{instead}' in its place"),
            None => String::new(),
        };
        let message = format!("'{key}' is not a parameter of {}{hint}", door.route);
        return Err(RequestError::new("unsupported_parameter", key, message));
    }
    Ok(Some((key.to_owned(), field.value.to_owned())))
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
