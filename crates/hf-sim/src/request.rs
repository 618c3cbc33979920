//! A chat request as the simulator reads it: the fields that shape an answer; all others are accepted.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::refusal::Refusal;

/// More choices than this are refused, so that one request cannot ask for the world.
pub(crate) const CHOICES_MAX: u32 = 16;

#[derive(Deserialize)]
pub(crate) struct ChatRequest<'a> {
    pub(crate) model: String,
    #[serde(borrow)]
    pub(crate) messages: Vec<Message<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    n: Option<u32>,
    stop: Option<Stop>,
    #[serde(borrow)]
    pub(crate) tools: Option<&'a RawValue>,
    pub(crate) tool_choice: Option<Value>,
    pub(crate) response_format: Option<Value>,
    logprobs: Option<bool>,
    reasoning_effort: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: String,
    content: Option<Content>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Stop {
    One(String),
    Many(Vec<String>),
}

impl<'a> ChatRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|error| bad(format!("Invalid request body: {error}"), None))?;
        if request.messages.is_empty() {
            return Err(bad("'messages' must not be empty".to_owned(), Some("messages")));
        }
        if !(1..=CHOICES_MAX).contains(&request.choices()) {
            return Err(bad(format!("'n' must be between 1 and {CHOICES_MAX}"), Some("n")));
        }
        if request.max_completion_tokens.or(request.max_tokens).is_some_and(|max| max < 1) {
            return Err(bad("'max_tokens' must be at least 1".to_owned(), Some("max_tokens")));
        }
        Ok(request)
    }

    pub(crate) fn stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(StreamOptions::include_usage)
    }

    pub(crate) fn choices(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    pub(crate) fn logprobs(&self) -> bool {
        self.logprobs.unwrap_or(false)
    }

    /// The output limit that the request names.
    pub(crate) fn max_tokens(&self) -> Option<usize> {
        self.max_completion_tokens.or(self.max_tokens).and_then(|max| usize::try_from(max).ok())
    }

    pub(crate) fn stop(&self) -> &[String] {
        stops(self.stop.as_ref())
    }

    pub(crate) fn wants_reasoning(&self) -> bool {
        self.reasoning_effort.as_deref() != Some("none")
    }
}

impl StreamOptions {
    pub(crate) fn include_usage(&self) -> bool {
        self.include_usage.unwrap_or(false)
    }
}

/// The stop sequences of a request.
pub(crate) fn stops(stop: Option<&Stop>) -> &[String] {
    match stop {
        None => &[],
        Some(Stop::One(text)) => std::slice::from_ref(text),
        Some(Stop::Many(texts)) => texts,
    }
}

impl Message<'_> {
    /// The text parts, in order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (whole, parts): (Option<&str>, &[Part]) = match &self.content {
            None => (None, &[]),
            Some(Content::Text(text)) => (Some(text), &[]),
            Some(Content::Parts(parts)) => (None, parts),
        };
        whole.into_iter().chain(parts.iter().filter_map(|part| part.text.as_deref()))
    }

    pub(crate) fn images(&self) -> u64 {
        match &self.content {
            Some(Content::Parts(parts)) => {
                parts.iter().filter(|part| part.kind == "image_url").count() as u64
            }
            _ => 0,
        }
    }
}

fn bad(message: String, param: Option<&'static str>) -> Refusal {
    Refusal::BadRequest { message, param }
}
