//! Parameters that only this dialect has.

use crate::object::Object;
use crate::parameters;
use crate::request_error::RequestError;

/// Characters of words and names that are only echoed. OpenAI takes 64 of the longest.
pub(super) const WORD_CHARS_MAX: usize = 512;

/// Items of `include`; OpenAI knows fewer than 10.
const INCLUDES_MAX: usize = 100;

/// Built-in calls; far more than anybody asks for.
const TOOL_CALLS_MAX: u64 = 1_000_000;

/// What asks for `encrypted_content`.
const SEALED: &str = "reasoning.encrypted_content";

/// The name of an element.
pub(super) fn at(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// A text of `object`.
pub(super) fn text(object: &Object<'_>, key: &str) -> Result<Option<String>, RequestError> {
    Ok(object.text(key)?.map(Into::into))
}

/// A text that must be there.
pub(super) fn text_required(object: &Object<'_>, key: &str) -> Result<String, RequestError> {
    object.text_required(key).map(Into::into)
}

/// A short text that says something.
pub(super) fn word(object: &Object<'_>, key: &str) -> Result<Option<String>, RequestError> {
    object.name(key, WORD_CHARS_MAX)
}

/// A short text that says something and must be there.
pub(super) fn word_required(object: &Object<'_>, key: &str) -> Result<String, RequestError> {
    object.name_required(key, WORD_CHARS_MAX)
}

/// A word that nobody knows, where one of a few is due.
pub(super) fn unknown(object: &Object<'_>, key: &str, given: &str, what: &str) -> RequestError {
    let path = object.path_of(key);
    let given: String = given.chars().take(64).collect();
    let message = format!("'{path}' is '{given}', which is not the type of {what}");
    RequestError::new("invalid_value", &path, message)
}

/// Whether `include` asks for `encrypted_content`. What else it names belongs to hosted tools, and has nothing to show.
pub(super) fn include(body: &Object<'_>) -> Result<bool, RequestError> {
    let mut sealed = false;
    for (index, one) in body.elements("include", INCLUDES_MAX)?.unwrap_or_default().into_iter().enumerate() {
        let path = at("include", index);
        match parameters::name(&path, one, WORD_CHARS_MAX)?.as_str() {
            SEALED => sealed = true,
            "message.output_text.logprobs" => return Err(no_logprobs(&path)),
            _ => {}
        }
    }
    Ok(sealed)
}

/// Checks `top_logprobs`, of which nothing but none can be had.
pub(super) fn top_logprobs(body: &Object<'_>) -> Result<(), RequestError> {
    match body.raw("top_logprobs") {
        None | Some("0") => Ok(()),
        Some(_) => Err(no_logprobs("top_logprobs")),
    }
}

fn no_logprobs(path: &str) -> RequestError {
    let message =
        format!("'{path}': log probabilities are not available here; /v1/chat/completions has them");
    RequestError::new("unsupported_parameter", path, message)
}

/// A conversation: its id, or an object that has it.
pub(super) fn conversation(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    match body.raw("conversation") {
        Some(raw) if raw.starts_with('{') => {
            let object = Object::read(raw, "conversation".to_owned())?;
            word_required(&object, "id").map(Some)
        }
        _ => word(body, "conversation"),
    }
}

/// `truncation`: whether it is `auto`.
pub(super) fn truncation(body: &Object<'_>) -> Result<bool, RequestError> {
    match body.raw("truncation") {
        Some("\"auto\"") => Ok(true),
        None | Some("\"disabled\"") => Ok(false),
        Some(_) => Err(RequestError::wrong_value("truncation", "'auto' or 'disabled'")),
    }
}

/// `max_tool_calls`.
pub(super) fn max_tool_calls(body: &Object<'_>) -> Result<Option<u64>, RequestError> {
    let read = |raw| parameters::integer("max_tool_calls", raw, 1, TOOL_CALLS_MAX);
    body.raw("max_tool_calls").map(read).transpose()
}
