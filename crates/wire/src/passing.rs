//! Fields that every dialect shares: those of the gateway, and those that pass to the upstream as they are.

use crate::chat::parameters;
use crate::json::{self, Field};
use crate::object::Object;
use crate::request_error::RequestError;

/// Characters of a session's name.
const SESSION_CHARS_MAX: usize = 128;

/// Fields of a chat request that the values of a pivot request are told by, and those that only other dialects have.
/// They cannot pass beside those values.
const TOLD: [&str; 26] = [
    "background",
    "conversation",
    "function_call",
    "functions",
    "input",
    "instructions",
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
];

/// A field that the dialect does not know, for the upstream, which may. `null` says nothing.
pub(crate) fn passing(field: &Field<'_>, route: &str) -> Result<Option<(String, String)>, RequestError> {
    if field.value == "null" {
        return Ok(None);
    }
    if TOLD.contains(&field.key.as_ref()) {
        let message = format!("'{}' is not a parameter of {route}", field.key);
        return Err(RequestError::new("unsupported_parameter", &field.key, message));
    }
    Ok(Some((field.key.clone().into_owned(), field.value.to_owned())))
}

/// The name of the session that the request goes on with: 1 to 128 visible characters, without spaces.
pub(crate) fn session_id(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    let Some(name) = body.name("session_id", SESSION_CHARS_MAX)? else { return Ok(None) };
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let expected = format!("1 to {SESSION_CHARS_MAX} visible ASCII characters without spaces");
        return Err(RequestError::wrong_value("session_id", &expected));
    }
    Ok(Some(name))
}

/// The gateway's provider that is asked for.
pub(crate) fn provider(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    body.raw("provider").map(parameters::provider).transpose()
}

/// The model that is asked for.
pub(crate) fn model(body: &Object<'_>) -> Result<String, RequestError> {
    parameters::model(body.raw("model").ok_or_else(|| RequestError::missing("model"))?)
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

/// Texts at which the answer ends: one, or an array of at most `texts_max`.
pub(crate) fn stop(body: &Object<'_>, key: &str, texts_max: usize) -> Result<Vec<String>, RequestError> {
    let Some(raw) = body.raw(key) else { return Ok(Vec::new()) };
    if let Some(text) = json::string(raw) {
        return Ok(vec![text.into_owned()]);
    }
    let read = |(at, raw): (usize, &str)| match json::string(raw) {
        Some(text) => Ok(text.into_owned()),
        None => Err(RequestError::wrong_type(&format!("{key}[{at}]"), "a string")),
    };
    body.elements(key, texts_max)?.unwrap_or_default().into_iter().enumerate().map(read).collect()
}
