//! The texts of a request: which forms they may have, and what is counted of them.

use domain::usage::estimate_tokens;

use crate::chat::parameters;
use crate::json::{self, Unreadable};
use crate::request_error::RequestError;

/// Texts of one request, as at OpenAI.
const INPUTS_MAX: usize = 2_048;

/// Tokens of one request that are given as numbers, as at OpenAI.
const TOKENS_GIVEN_MAX: usize = 300_000;

/// The largest number of a token: what fits a signed 32-bit integer.
const TOKEN_MAX: u64 = (1 << 31) - 1;

/// What an input may be.
const INPUT_EXPECTED: &str = "a string, an array of strings, an array of tokens, or an array of such arrays";

/// What was counted of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) texts: u64,
    /// Tokens that are given as numbers.
    pub(super) tokens_given: u64,
    /// Bytes as written, of texts.
    pub(super) bytes: u64,
    pub(super) tokens_estimate: u64,
}

/// Checks and counts the input.
pub(super) fn count(raw: &str) -> Result<Counted, RequestError> {
    let mut counted = Counted::default();
    match raw.as_bytes().first() {
        Some(b'"') => counted.add_text("input", raw)?,
        Some(b'[') => {
            if raw[1..].trim_start().starts_with(|first: char| first.is_ascii_digit() || first == '-') {
                counted.add_tokens("input", raw)?;
            } else {
                counted.add_all(raw)?;
            }
        }
        _ => return Err(RequestError::wrong_type("input", INPUT_EXPECTED)),
    }
    Ok(counted)
}

impl Counted {
    fn add_all(&mut self, raw: &str) -> Result<(), RequestError> {
        let inputs =
            json::elements(raw, INPUTS_MAX).map_err(|error| too_many(&error, INPUTS_MAX, "texts"))?;
        if inputs.is_empty() {
            return Err(RequestError::wrong_value("input", "of at least one text"));
        }
        for (at, input) in inputs.into_iter().enumerate() {
            let param = || format!("input[{at}]");
            match input.as_bytes().first() {
                Some(b'"') => self.add_text(&param(), input)?,
                Some(b'[') => self.add_tokens(&param(), input)?,
                _ => return Err(RequestError::wrong_type(&param(), "a string or an array of tokens")),
            }
        }
        if self.tokens_given > 0 && self.bytes > 0 {
            let message = "'input' has texts and tokens: give only one of both";
            return Err(RequestError::new("invalid_type", "input", message));
        }
        Ok(())
    }

    fn add_text(&mut self, param: &str, raw: &str) -> Result<(), RequestError> {
        let len = json::text_len(raw);
        if len == 0 {
            return Err(RequestError::wrong_value(param, "a text that is not empty"));
        }
        self.texts += 1;
        self.bytes += raw.len() as u64;
        self.tokens_estimate += estimate_tokens(len);
        Ok(())
    }

    fn add_tokens(&mut self, param: &str, raw: &str) -> Result<(), RequestError> {
        let tokens = json::elements(raw, TOKENS_GIVEN_MAX)
            .map_err(|error| too_many(&error, TOKENS_GIVEN_MAX, "tokens"))?;
        if tokens.is_empty() {
            return Err(RequestError::wrong_value(param, "of at least one token"));
        }
        for token in &tokens {
            parameters::integer(param, token, 0, TOKEN_MAX)
                .map_err(|_| RequestError::wrong_type(param, "a string or an array of tokens"))?;
        }
        self.texts += 1;
        self.tokens_given += tokens.len() as u64;
        self.tokens_estimate += tokens.len() as u64;
        if self.tokens_given > TOKENS_GIVEN_MAX as u64 {
            return Err(too_many(&Unreadable::TooMany, TOKENS_GIVEN_MAX, "tokens"));
        }
        Ok(())
    }
}

fn too_many(error: &Unreadable, max: usize, what: &str) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::new("invalid_value", "input", format!("'input' has more than {max} {what}"))
        }
        Unreadable::Json(_) => RequestError::wrong_type("input", INPUT_EXPECTED),
    }
}
