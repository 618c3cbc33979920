//! Texts that stand for themselves, those of embeddings and of completions: which forms they may have, and what is
//! counted of them.

use domain::usage::estimate_tokens;

use crate::json::{self, Unreadable};
use crate::parameters;
use crate::request_error::RequestError;

/// Texts of one request, as at OpenAI.
const TEXTS_MAX: usize = 2_048;

/// Tokens of one request that are given as numbers, as at OpenAI.
const TOKENS_GIVEN_MAX: usize = 300_000;

/// The largest number of a token: what fits a signed 32-bit integer.
const TOKEN_MAX: u64 = (1 << 31) - 1;

/// What texts may be.
const EXPECTED: &str = "a string, an array of strings, an array of tokens, or an array of such arrays";

/// What was counted of the texts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) texts: u64,
    /// Tokens that are given as numbers.
    pub(crate) tokens_given: u64,
    /// Bytes as written, of texts.
    pub(crate) written_bytes: u64,
    /// What they are taken for where nobody counts them.
    pub(crate) tokens_estimate: u64,
}

/// What becomes of a text that is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// It is one like any other.
    Taken,
    /// It is an error.
    Refused,
}

/// Checks and counts the texts in `name`.
pub(crate) fn count(name: &'static str, raw: &str, empty: Empty) -> Result<Counted, RequestError> {
    let mut counter = Counter { name, empty, counted: Counted::default() };
    match raw.as_bytes().first() {
        Some(b'"') => counter.add_text(name, raw)?,
        Some(b'[') => {
            if raw[1..].trim_start().starts_with(|first: char| first.is_ascii_digit() || first == '-') {
                counter.add_tokens(name, raw)?;
            } else {
                counter.add_all(raw)?;
            }
        }
        _ => return Err(RequestError::wrong_type(name, EXPECTED)),
    }
    Ok(counter.counted)
}

struct Counter {
    name: &'static str,
    empty: Empty,
    counted: Counted,
}

impl Counter {
    fn add_all(&mut self, raw: &str) -> Result<(), RequestError> {
        let name = self.name;
        let texts =
            json::elements(raw, TEXTS_MAX).map_err(|error| self.too_many(&error, TEXTS_MAX, "texts"))?;
        if texts.is_empty() {
            return Err(RequestError::wrong_value(name, "of at least one text"));
        }
        for (at, input) in texts.into_iter().enumerate() {
            let param = || format!("{name}[{at}]");
            match input.as_bytes().first() {
                Some(b'"') => self.add_text(&param(), input)?,
                Some(b'[') => self.add_tokens(&param(), input)?,
                _ => return Err(RequestError::wrong_type(&param(), "a string or an array of tokens")),
            }
        }
        if self.counted.tokens_given > 0 && self.counted.written_bytes > 0 {
            let message = format!("'{name}' has texts and tokens: give only one of both");
            return Err(RequestError::new("invalid_type", name, message));
        }
        Ok(())
    }

    fn add_text(&mut self, param: &str, raw: &str) -> Result<(), RequestError> {
        let len = json::text_len(raw);
        if len == 0 && self.empty == Empty::Refused {
            return Err(RequestError::wrong_value(param, "a text that is not empty"));
        }
        self.counted.texts += 1;
        self.counted.written_bytes += raw.len() as u64;
        self.counted.tokens_estimate += estimate_tokens(len);
        Ok(())
    }

    fn add_tokens(&mut self, param: &str, raw: &str) -> Result<(), RequestError> {
        let tokens = json::elements(raw, TOKENS_GIVEN_MAX)
            .map_err(|error| self.too_many(&error, TOKENS_GIVEN_MAX, "tokens"))?;
        if tokens.is_empty() {
            return Err(RequestError::wrong_value(param, "of at least one token"));
        }
        for token in &tokens {
            parameters::integer(param, token, 0, TOKEN_MAX)
                .map_err(|_| RequestError::wrong_type(param, "a string or an array of tokens"))?;
        }
        self.counted.texts += 1;
        self.counted.tokens_given += tokens.len() as u64;
        self.counted.tokens_estimate += tokens.len() as u64;
        if self.counted.tokens_given > TOKENS_GIVEN_MAX as u64 {
            return Err(self.too_many(&Unreadable::TooMany, TOKENS_GIVEN_MAX, "tokens"));
        }
        Ok(())
    }

    fn too_many(&self, error: &Unreadable, max: usize, what: &str) -> RequestError {
        let name = self.name;
        match error {
            Unreadable::TooMany => {
                RequestError::new("invalid_value", name, format!("'{name}' has more than {max} {what}"))
            }
            Unreadable::Json(_) => RequestError::wrong_type(name, EXPECTED),
        }
    }
}
