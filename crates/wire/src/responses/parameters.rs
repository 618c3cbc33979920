//! Reading the parameters of a request.

use crate::chat::parameters;
use crate::json::{self, Field, Unreadable};
use crate::request_error::RequestError;

/// Fields of an object inside a request. Real ones have about 10; every two are compared.
const FIELDS_MAX: usize = 100;

/// Pairs of `metadata`, and characters of their keys and values, as at OpenAI.
const METADATA_PAIRS_MAX: usize = 16;
const METADATA_KEY_CHARS_MAX: usize = 64;
const METADATA_VALUE_CHARS_MAX: usize = 512;

/// Characters of words and names that are only echoed. OpenAI takes 64 of the longest.
const WORD_CHARS_MAX: usize = 512;

/// Items of `include`; OpenAI knows fewer than 10.
const INCLUDES_MAX: usize = 100;

/// Stop sequences; OpenAI takes 4, others up to 16.
const STOPS_MAX: usize = 100;

/// Characters of a session's name.
const SESSION_CHARS_MAX: usize = 128;

/// Built-in calls; far more than anybody asks for.
const TOOL_CALLS_MAX: u64 = 1_000_000;

/// What asks for `encrypted_content`.
const SEALED: &str = "reasoning.encrypted_content";

/// The name of an element.
pub(super) fn at(param: &str, index: usize) -> String {
    format!("{param}[{index}]")
}

/// The name of a field inside `param`; of the body, when that is empty.
pub(super) fn inside(param: &str, key: &str) -> String {
    if param.is_empty() { key.to_owned() } else { format!("{param}.{key}") }
}

/// The fields of an object, none of which stands twice.
pub(super) fn object_fields<'a>(raw: &'a str, param: &str) -> Result<Vec<Field<'a>>, RequestError> {
    let fields = json::fields(raw, FIELDS_MAX).map_err(|error| match error {
        Unreadable::TooMany => {
            RequestError::wrong_value(param, &format!("an object of at most {FIELDS_MAX} fields"))
        }
        Unreadable::Json(_) => RequestError::wrong_type(param, "an object"),
    })?;
    for (index, field) in fields.iter().enumerate() {
        if fields[..index].iter().any(|earlier| earlier.key == field.key) {
            return Err(RequestError::duplicate(&inside(param, &field.key)));
        }
    }
    Ok(fields)
}

/// The value of a field that is there and not `null`.
pub(super) fn value<'a>(fields: &[Field<'a>], key: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.key == key).map(|field| field.value).filter(|value| *value != "null")
}

/// A text that may be absent or `null`.
pub(super) fn opt_text(fields: &[Field<'_>], key: &str, param: &str) -> Result<Option<String>, RequestError> {
    value(fields, key).map(|raw| text(&inside(param, key), raw)).transpose()
}

/// A text that must be there.
pub(super) fn required_text(fields: &[Field<'_>], key: &str, param: &str) -> Result<String, RequestError> {
    opt_text(fields, key, param)?.ok_or_else(|| RequestError::missing(&inside(param, key)))
}

/// A text that must be there and say something.
pub(super) fn required_name(fields: &[Field<'_>], key: &str, param: &str) -> Result<String, RequestError> {
    let raw = value(fields, key).ok_or_else(|| RequestError::missing(&inside(param, key)))?;
    word(&inside(param, key), raw)
}

/// A text.
pub(super) fn text(param: &str, raw: &str) -> Result<String, RequestError> {
    json::string(raw).map(Into::into).ok_or_else(|| RequestError::wrong_type(param, "a string"))
}

/// A short text that says something.
pub(super) fn word(param: &str, raw: &str) -> Result<String, RequestError> {
    parameters::name(param, raw, WORD_CHARS_MAX)
}

/// A word that nobody knows, where one of a few is due.
pub(super) fn unknown(param: &str, given: &str, what: &str) -> RequestError {
    let given: String = given.chars().take(64).collect();
    RequestError::new(
        "invalid_value",
        param,
        format!("'{param}' is '{given}', which is not the type of {what}"),
    )
}

/// Checks `metadata`, which is kept as it is.
pub(super) fn metadata(raw: &str) -> Result<String, RequestError> {
    let fields = object_fields(raw, "metadata")?;
    if fields.len() > METADATA_PAIRS_MAX {
        return Err(RequestError::wrong_value(
            "metadata",
            &format!("an object of at most {METADATA_PAIRS_MAX} pairs"),
        ));
    }
    for field in &fields {
        let param = inside("metadata", &field.key);
        if field.key.chars().count() > METADATA_KEY_CHARS_MAX {
            let expected = format!("an object whose keys have at most {METADATA_KEY_CHARS_MAX} characters");
            return Err(RequestError::wrong_value("metadata", &expected));
        }
        if text(&param, field.value)?.chars().count() > METADATA_VALUE_CHARS_MAX {
            let expected = format!("a string of at most {METADATA_VALUE_CHARS_MAX} characters");
            return Err(RequestError::wrong_value(&param, &expected));
        }
    }
    Ok(raw.to_owned())
}

/// Whether `include` asks for `encrypted_content`. What else it names belongs to hosted tools, and has nothing to show.
pub(super) fn include(raw: &str) -> Result<bool, RequestError> {
    let mut sealed = false;
    for (index, one) in list("include", raw, INCLUDES_MAX)?.into_iter().enumerate() {
        let param = at("include", index);
        match word(&param, one)?.as_str() {
            SEALED => sealed = true,
            "message.output_text.logprobs" => return Err(no_logprobs(&param)),
            _ => {}
        }
    }
    Ok(sealed)
}

/// Checks `top_logprobs`, of which nothing but none can be had.
pub(super) fn top_logprobs(raw: &str) -> Result<(), RequestError> {
    if raw == "0" { Ok(()) } else { Err(no_logprobs("top_logprobs")) }
}

fn no_logprobs(param: &str) -> RequestError {
    let message =
        format!("'{param}': log probabilities are not available here; /v1/chat/completions has them");
    RequestError::new("unsupported_parameter", param, message)
}

/// Stop sequences: one or several.
pub(super) fn stop(raw: &str) -> Result<Vec<String>, RequestError> {
    if raw.starts_with('"') {
        return Ok(vec![text("stop", raw)?]);
    }
    let all = list("stop", raw, STOPS_MAX)?;
    all.into_iter().enumerate().map(|(index, one)| text(&at("stop", index), one)).collect()
}

/// An array.
pub(super) fn list<'a>(param: &str, raw: &'a str, max: usize) -> Result<Vec<&'a str>, RequestError> {
    json::elements(raw, max).map_err(|error| match error {
        Unreadable::TooMany => {
            RequestError::wrong_value(param, &format!("an array of at most {max} elements"))
        }
        Unreadable::Json(_) => RequestError::wrong_type(param, "an array"),
    })
}

/// A conversation: its id, or an object that has it.
pub(super) fn conversation(raw: &str) -> Result<String, RequestError> {
    if raw.starts_with('{') {
        return required_name(&object_fields(raw, "conversation")?, "id", "conversation");
    }
    word("conversation", raw)
}

/// The name of a session.
pub(super) fn session_id(raw: &str) -> Result<String, RequestError> {
    let name = parameters::name("session_id", raw, SESSION_CHARS_MAX)?;
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(name)
    } else {
        Err(RequestError::wrong_value("session_id", "made of visible ASCII characters"))
    }
}

/// `truncation`: whether it is `auto`.
pub(super) fn truncation(raw: &str) -> Result<bool, RequestError> {
    match raw {
        "\"auto\"" => Ok(true),
        "\"disabled\"" => Ok(false),
        _ => Err(RequestError::wrong_value("truncation", "'auto' or 'disabled'")),
    }
}

/// `max_tool_calls`.
pub(super) fn max_tool_calls(raw: &str) -> Result<u64, RequestError> {
    parameters::integer("max_tool_calls", raw, 1, TOOL_CALLS_MAX)
}

/// Whether `raw`, which is JSON, is a number.
pub(super) fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// A number as JSON.
pub(super) fn number_or_null(number: Option<u64>) -> String {
    number.map_or_else(|| "null".to_owned(), |number| number.to_string())
}
