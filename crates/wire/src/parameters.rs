//! The parameters of a request that the gateway checks: what each may be, and how it may be spelled.

use std::borrow::Cow;

use crate::json::{self, Field};
use crate::request_error::RequestError;

/// Fields of `stream_options`, and items of `modalities`.
const PARTS_MAX: usize = 100;

/// Characters of a model's name.
const MODEL_CHARS_MAX: usize = 256;

/// Characters of a provider's name.
const PROVIDER_CHARS_MAX: usize = 64;

/// The largest output limit: what fits a signed 32-bit integer, which some upstreams parse it as.
pub(crate) const OUTPUT_TOKENS_MAX: u64 = (1 << 31) - 1;

/// The most choices, as at OpenAI.
pub(crate) const N_MAX: u64 = 128;

/// The most alternatives per token, as at OpenAI.
pub(crate) const TOP_LOGPROBS_MAX: u64 = 20;

/// Every field that the gateway reads. Another spelling of one of them (`Max_Tokens`) is refused, because servers
/// that match keys without regard to case would read it.
const READ: [&str; 20] = [
    "audio",
    "best_of",
    "chat_template",
    "functions",
    "input",
    "max_completion_tokens",
    "max_tokens",
    "media_io_kwargs",
    "messages",
    "mm_processor_kwargs",
    "modalities",
    "model",
    "n",
    "provider",
    "service_tier",
    "stream",
    "stream_options",
    "tools",
    "top_logprobs",
    "web_search_options",
];

/// Other servers' names of the output limit and of `n`, each with the standard one. A server that knows them would
/// read them past what the call was held for, so they are refused. The first two are llama.cpp's; the third, of
/// text-generation-webui, writes as much as fits into the context.
const ALIASES: [(&str, &str); 7] = [
    ("n_predict", "max_tokens"),
    ("n_cmpl", "n"),
    ("auto_max_new_tokens", "max_tokens"),
    ("max_length", "max_tokens"),
    ("max_new_tokens", "max_tokens"),
    ("max_tokens_to_sample", "max_tokens"),
    ("num_predict", "max_tokens"),
];

/// Refuses keys that stand twice, and keys that some upstream could take for one that the gateway reads.
pub(crate) fn refuse_ambiguous(fields: &[Field<'_>]) -> Result<(), RequestError> {
    for (at, field) in fields.iter().enumerate() {
        if fields[..at].iter().any(|earlier| earlier.key == field.key) {
            return Err(RequestError::duplicate(&field.key));
        }
        refuse_other_spelling(&field.key, &READ, &field.key)?;
        refuse_alias(&field.key)?;
    }
    Ok(())
}

/// Refuses `key` when it is another server's name of a limit, in any case of its letters.
fn refuse_alias(key: &str) -> Result<(), RequestError> {
    let folded = folded(key);
    match ALIASES.iter().find(|(alias, _)| *alias == folded) {
        Some((_, standard)) => {
            let message = format!("'{key}' is not supported: give '{standard}' in its place");
            Err(RequestError::new("unsupported_parameter", key, message))
        }
        None => Ok(()),
    }
}

/// Refuses `key` when it is one of `names` but for the case of its letters.
pub(crate) fn refuse_other_spelling(key: &str, names: &[&str], param: &str) -> Result<(), RequestError> {
    let Cow::Owned(folded) = folded(key) else { return Ok(()) };
    match names.iter().find(|name| **name == folded) {
        Some(name) => {
            Err(RequestError::new("invalid_value", param, format!("'{param}' must be spelled '{name}'")))
        }
        None => Ok(()),
    }
}

/// `key` in small letters, as Go's JSON decoder folds: it takes the long s and the Kelvin sign for s and k. Borrowed
/// when it is so already.
fn folded(key: &str) -> Cow<'_, str> {
    if key.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(key.replace('\u{17f}', "s").to_lowercase())
}

/// The model that is asked for.
pub(crate) fn model(raw: &str) -> Result<String, RequestError> {
    name("model", raw, MODEL_CHARS_MAX)
}

/// The output limit per choice, under one of its two names.
pub(crate) fn output_limit(param: &str, raw: &str) -> Result<u64, RequestError> {
    integer(param, raw, 1, OUTPUT_TOKENS_MAX)
}

/// How many choices are asked for.
pub(crate) fn choices(raw: &str) -> Result<u32, RequestError> {
    integer("n", raw, 1, N_MAX).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// How many alternatives per token are asked for; `null` is none.
pub(super) fn top_logprobs(raw: &str) -> Result<u64, RequestError> {
    if raw == "null" { Ok(0) } else { integer("top_logprobs", raw, 0, TOP_LOGPROBS_MAX) }
}

/// A name of 1 to `chars_max` characters.
pub(crate) fn name(param: &str, raw: &str, chars_max: usize) -> Result<String, RequestError> {
    let text = json::string(raw).ok_or_else(|| RequestError::wrong_type(param, "a string"))?;
    if text.is_empty() || text.chars().count() > chars_max {
        return Err(RequestError::wrong_value(param, &format!("1 to {chars_max} characters long")));
    }
    Ok(text.into_owned())
}

/// The gateway's provider that is asked for.
pub(crate) fn provider(raw: &str) -> Result<String, RequestError> {
    if !raw.starts_with('"') {
        let expected = "the name of a provider; routing objects are not supported";
        return Err(RequestError::wrong_type("provider", expected));
    }
    name("provider", raw, PROVIDER_CHARS_MAX)
}

/// An integer that is written as one: no sign, no point, no exponent, no quotes.
pub(crate) fn integer(param: &str, raw: &str, min: u64, max: u64) -> Result<u64, RequestError> {
    let expected = || format!("an integer from {min} to {max}");
    if !raw.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RequestError::wrong_type(param, &expected()));
    }
    match raw.parse::<u64>() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(RequestError::wrong_value(param, &expected())),
    }
}

/// A boolean; `null` is `false`.
pub(crate) fn boolean(param: &str, raw: &str) -> Result<bool, RequestError> {
    match raw {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err(RequestError::wrong_type(param, "a boolean")),
    }
}

/// Whether `stream_options` ask for the usage.
pub(crate) fn usage_asked(raw: &str) -> Result<bool, RequestError> {
    if raw == "null" {
        return Ok(false);
    }
    let wrong = |_| RequestError::wrong_type("stream_options", "an object");
    let mut asked = None;
    for field in json::fields(raw, PARTS_MAX).map_err(wrong)? {
        let param = "stream_options.include_usage";
        refuse_other_spelling(&field.key, &["include_usage"], param)?;
        if field.key == "include_usage" && asked.replace(boolean(param, field.value)?).is_some() {
            return Err(RequestError::duplicate(param));
        }
    }
    Ok(asked.unwrap_or(false))
}

/// Refuses what changes the price of a call in a way that no rate covers.
pub(crate) fn refuse_unpriced(key: &str, raw: &str) -> Result<(), RequestError> {
    let priced = match key {
        "web_search_options" | "audio" => raw == "null",
        "modalities" => {
            raw == "null"
                || json::elements(raw, PARTS_MAX).is_ok_and(|all| all.iter().all(|one| *one == "\"text\""))
        }
        "service_tier" => matches!(raw, "null" | "\"auto\"" | "\"default\"" | "\"flex\""),
        "best_of" => matches!(raw, "null" | "1"),
        _ => true,
    };
    if priced {
        return Ok(());
    }
    let message = format!("'{key}' with this value cannot be priced, so it is not supported");
    Err(RequestError::new("unsupported_parameter", key, message))
}
