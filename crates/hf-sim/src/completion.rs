//! A completions request as the simulator reads it: the fields that shape an answer; all others are accepted.

use serde::Deserialize;

use crate::dice::fingerprint;
use crate::prompt::text_tokens;
use crate::request::{CHOICES_MAX, Stop, StreamOptions, stops};
use crate::texts::{Text, Texts};

/// Prompts times choices: more are refused, so that one request cannot ask for the world.
const ANSWERS_MAX: usize = 128;
/// More candidates than this are refused; OpenAI takes as many.
const BEST_OF_MAX: u32 = 20;
/// OpenAI tells no more of the likeliest tokens.
const LOGPROBS_MAX: usize = 5;
/// The output limit when the request names none, as everywhere on this route.
const MAX_TOKENS: usize = 16;

#[derive(Deserialize)]
pub(crate) struct CompletionRequest {
    pub(crate) prompt: Texts,
    suffix: Option<String>,
    echo: Option<bool>,
    logprobs: Option<usize>,
    n: Option<u32>,
    best_of: Option<u32>,
    max_tokens: Option<usize>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    stop: Option<Stop>,
}

impl CompletionRequest {
    /// Reads a body; the error says what is wrong with it.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: Self =
            serde_json::from_slice(body).map_err(|error| format!("Invalid request body: {error}"))?;
        match request.mistake() {
            None => Ok(request),
            Some(mistake) => Err(mistake),
        }
    }

    fn mistake(&self) -> Option<String> {
        let (choices, best_of) = (self.choices(), self.best_of);
        let prompts = self.prompt.all();
        let answers = prompts.len().saturating_mul(usize::try_from(choices).unwrap_or(usize::MAX));
        let is_empty = |prompt: &Text| matches!(prompt, Text::Tokens(tokens) if tokens.is_empty());
        if prompts.is_empty() || prompts.iter().any(is_empty) {
            return Some("'prompt' must not be an empty array".to_owned());
        }
        if !(1..=CHOICES_MAX).contains(&choices) {
            return Some(format!("'n' must be between 1 and {CHOICES_MAX}"));
        }
        if answers > ANSWERS_MAX {
            return Some(format!("prompts times 'n' must be at most {ANSWERS_MAX}"));
        }
        if best_of.is_some_and(|best_of| !(choices..=BEST_OF_MAX).contains(&best_of)) {
            return Some(format!("'best_of' must be between 'n' and {BEST_OF_MAX}"));
        }
        if self.stream() && best_of.is_some_and(|best_of| best_of > choices) {
            return Some("the best of several cannot be streamed".to_owned());
        }
        if self.logprobs().is_some_and(|top| top > LOGPROBS_MAX) {
            return Some(format!("'logprobs' must be between 0 and {LOGPROBS_MAX}"));
        }
        let says_nothing = self.max_tokens == Some(0) && !self.echo();
        says_nothing.then(|| "'max_tokens' must be at least 1 without 'echo'".to_owned())
    }

    pub(crate) fn stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(StreamOptions::include_usage)
    }

    /// Choices of each prompt.
    pub(crate) fn choices(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    /// Whether log probabilities are wanted, and of how many of the likeliest tokens.
    pub(crate) fn logprobs(&self) -> Option<usize> {
        self.logprobs
    }

    /// Whether the prompt is to be given back before the answer.
    pub(crate) fn echo(&self) -> bool {
        self.echo.unwrap_or(false)
    }

    /// The output limit; `cap` is the one for requests that name none.
    pub(crate) fn max_tokens(&self, cap: Option<usize>) -> usize {
        self.max_tokens.or(cap).unwrap_or(MAX_TOKENS)
    }

    pub(crate) fn stop(&self) -> &[String] {
        stops(self.stop.as_ref())
    }

    /// Tokens of each prompt, the suffix included.
    pub(crate) fn prompt_tokens(&self) -> impl Iterator<Item = u64> {
        let suffix = self.suffix.as_deref().map_or(0, text_tokens);
        self.prompt.all().iter().map(move |prompt| prompt.tokens() + suffix)
    }

    /// One number for each prompt. It depends on the seed, the model, the prompt and the suffix; not on the provider,
    /// the other prompts or the way of delivery.
    pub(crate) fn fingerprints(&self, model_id: &str, seed: u64) -> Vec<u64> {
        let seed = fingerprint(seed, model_id.as_bytes());
        let prompts = self.prompt.all().iter().map(|prompt| prompt.fingerprint(seed));
        match &self.suffix {
            None => prompts.collect(),
            Some(suffix) => prompts.map(|hash| fingerprint(hash, suffix.as_bytes())).collect(),
        }
    }
}
