//! A request that completes texts, as it goes to an upstream that does just that: its body passes as it is.

use bytes::Bytes;
use domain::CallBound;
use domain::usage::TOKENS_MAX;

use super::request::{HERE, OUTPUT_TOKENS_DEFAULT, READ};
use crate::chat::{Echo, SETTINGS};
use crate::forward::{Forward, Kept, Original};
use crate::json::Field;
use crate::object::Object;
use crate::parameters;
use crate::passing;
use crate::request_error::RequestError;
use crate::target::Target;
use crate::texts::{Counted, Empty, count};

/// What a server puts around one prompt, in tokens: markers of its begin and end, and those around a suffix.
const PROMPT_TOKENS: u64 = 16;

/// A checked request.
#[derive(Clone, Debug)]
pub struct TextRequest {
    original: Original,
    target: Target,
    stream: bool,
    usage_asked: bool,
    output_tokens: u64,
    /// Completions in all: those of every prompt.
    n: u32,
    prompt: Counted,
    input_tokens: u64,
    echo: Echo,
}

impl TextRequest {
    /// Reads the fields of `body`.
    pub(super) fn read(body: &Bytes, object: &Object<'_>) -> Result<TextRequest, RequestError> {
        parameters::refuse_ambiguous(object.fields())?;
        object.fields().iter().try_for_each(check)?;
        let prompt = object.raw("prompt").ok_or_else(|| RequestError::missing("prompt"))?;
        let counted = count("prompt", prompt, Empty::Taken)?;
        let echo = object.boolean("echo")?.unwrap_or(false);
        let stream = object.boolean("stream")?.unwrap_or(false);
        let usage_asked = parameters::usage_asked(object.raw("stream_options").unwrap_or("null"))?;
        object.text("suffix")?;
        passing::stop(object, "stop")?;
        if let Some(raw) = object.raw("logprobs") {
            parameters::integer("logprobs", raw, 0, parameters::TOP_LOGPROBS_MAX)?;
        }
        let each = object.raw("n").map_or(Ok(1), parameters::choices)?;
        let text = str::from_utf8(body).unwrap_or_default();
        let kept = object.fields().iter().filter_map(|field| Kept::of(text, field)).collect();
        Ok(TextRequest {
            original: Original::new(body.clone(), kept),
            target: Target::read(object)?,
            stream,
            usage_asked: stream && usage_asked,
            output_tokens: output_limit(object, echo)?,
            n: completions(&counted, each)?,
            input_tokens: bound(&counted, object.fields()),
            prompt: counted,
            echo: if echo { Echo::of(prompt, each) } else { Echo::default() },
        })
    }

    /// Where it is to go.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the answer is to be streamed.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller of a stream asked for its usage.
    #[must_use]
    pub fn usage_asked(&self) -> bool {
        self.usage_asked
    }

    /// How many prompts there are; from 1 to 128.
    #[must_use]
    pub fn prompts(&self) -> u64 {
        self.prompt.texts
    }

    /// What bounds the cost of the call.
    #[must_use]
    pub fn bound(&self) -> CallBound {
        CallBound { input_tokens: self.input_tokens, output_tokens: Some(self.output_tokens), n: self.n }
    }

    /// Tokens that the prompts are taken for where the upstream does not count them: four bytes each, every prompt
    /// rounded up, and those that were given as numbers as they are.
    #[must_use]
    pub fn prompt_tokens_estimate(&self) -> u64 {
        self.prompt.tokens_estimate
    }

    /// What the answer repeats of the prompts.
    #[must_use]
    pub fn echo(&self) -> &Echo {
        &self.echo
    }

    /// The body to send, with its output limit: servers without one have limits of their own, or none.
    #[must_use]
    pub fn forward(&self, upstream_model: &str) -> Bytes {
        let to = Forward { upstream_model, output_tokens: Some(self.output_tokens) };
        self.original.forward(&to, self.stream)
    }
}

/// Refuses what no server of texts could take as it is meant, and what it could take for something that is read here
/// alone.
fn check(field: &Field<'_>) -> Result<(), RequestError> {
    let key = field.key.as_ref();
    parameters::refuse_other_spelling(key, &READ, key)?;
    parameters::refuse_unpriced(key, field.value)?;
    match key {
        // Its size in tokens is that of what it unpacks to.
        "prompt_embeds" if field.value != "null" => {
            let message = "'prompt_embeds' is not supported: give 'prompt' as texts or tokens";
            Err(RequestError::new("unsupported_parameter", key, message))
        }
        "response_format" => Ok(()),
        _ if READ.contains(&key) => Ok(()),
        _ => passing::passing(field, &HERE).map(drop),
    }
}

/// The output limit of each completion. Who only wants a prompt repeated needs no more than that.
fn output_limit(object: &Object<'_>, echo: bool) -> Result<u64, RequestError> {
    let Some(raw) = object.raw("max_tokens") else { return Ok(OUTPUT_TOKENS_DEFAULT) };
    parameters::integer("max_tokens", raw, u64::from(!echo), parameters::OUTPUT_TOKENS_MAX)
}

/// How many completions are asked for in all, with `each` of every prompt.
fn completions(prompt: &Counted, each: u32) -> Result<u32, RequestError> {
    let all = prompt.texts.saturating_mul(u64::from(each));
    match u32::try_from(all) {
        Ok(all) if u64::from(all) <= parameters::N_MAX => Ok(all),
        _ => {
            let message =
                format!("one call makes {} completions at most: this asks for {all}", parameters::N_MAX);
            Err(RequestError::new("invalid_value", "prompt", message))
        }
    }
}

/// The most tokens that the prompts can have. What is not known to be a setting may be a text beside each of them.
fn bound(prompt: &Counted, fields: &[Field<'_>]) -> u64 {
    let read = |field: &&Field<'_>| field.key != "prompt" && !SETTINGS.contains(&field.key.as_ref());
    let beside: u64 =
        fields.iter().filter(read).map(|field| (field.raw_key.len() + field.value.len()) as u64).sum();
    let around = prompt.texts.saturating_mul(beside.saturating_add(PROMPT_TOKENS));
    prompt.written_bytes.saturating_add(prompt.tokens_given).saturating_add(around).min(TOKENS_MAX)
}
