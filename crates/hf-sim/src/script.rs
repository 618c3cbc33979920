//! The vocabulary of scripts: every way in which a reply can be steered. The table is in the crate's documentation.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::vocabulary::{
    DialectName, ErrorBody, Garbage, Hang, RoleFault, Split, StreamError, ToolFault, UsageFault,
};

/// What to do to a reply. Empty (`Script::default()`) changes nothing.
///
/// Read from the same words in JSON (`{"status": 429}`), in a directive (`[[sim status=429]]`) and here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Answer with this HTTP status (200 to 599) and an error body.
    pub status: Option<u16>,
    /// The shape of the error body. Default: the provider's own.
    pub body: Option<ErrorBody>,
    /// The message in the error.
    #[serde(deserialize_with = "word")]
    pub message: Option<String>,
    /// The code in the error.
    #[serde(deserialize_with = "word")]
    pub code: Option<String>,
    /// The `Retry-After` header, verbatim: seconds or a date.
    #[serde(deserialize_with = "word")]
    pub retry_after: Option<String>,
    /// Add `x-ratelimit-*` headers that say nothing is left.
    pub ratelimit: bool,
    /// Answer HTTP 200 with an error body.
    pub ok_error: bool,
    /// Wait this long before the status line.
    pub headers_ms: Option<u64>,
    /// Wait this long before the first event, or before a whole answer.
    pub first_token_ms: Option<u64>,
    /// Wait this long between two events.
    pub gap_ms: Option<u64>,
    /// Never answer.
    pub hang: Option<Hang>,
    /// Do not answer until what has this name is released.
    #[serde(deserialize_with = "word")]
    pub held: Option<String>,
    /// Break the connection instead of answering.
    pub hangup: bool,
    /// Go silent after this many events, keeping the connection open.
    pub stall_after: Option<usize>,
    /// Break the connection after this many events.
    pub cut_after: Option<usize>,
    /// End a stream without `[DONE]`.
    pub no_done: bool,
    /// Send an error inside the stream after this many events.
    pub error_after: Option<usize>,
    /// The shape of that error. Default: the provider's own.
    pub error: Option<StreamError>,
    /// Where and how token counts are told.
    pub usage: Option<UsageFault>,
    /// The answer's length in tokens.
    pub tokens: Option<usize>,
    /// Reasoning tokens before the answer.
    pub reasoning: Option<usize>,
    /// The answer, verbatim.
    #[serde(deserialize_with = "word")]
    pub text: Option<String>,
    /// The output cap when the request names none.
    pub cap: Option<usize>,
    /// The finish reason; `none` sends none.
    #[serde(deserialize_with = "word")]
    pub finish: Option<String>,
    /// Speak as another kind of provider.
    pub dialect: Option<DialectName>,
    /// When `delta.role` is sent.
    pub role: Option<RoleFault>,
    /// The tool to call, by its name; offered or not. With `text`, the text answers the tool's result.
    #[serde(deserialize_with = "word")]
    pub call: Option<String>,
    /// The arguments of that call, verbatim; without them, what fits the tool's schema.
    #[serde(deserialize_with = "word")]
    pub arguments: Option<String>,
    /// How tools are called.
    pub tool: Option<ToolFault>,
    /// Put the filler text `None` beside the answer.
    pub none_filler: bool,
    /// How the bytes are split over writes.
    pub split: Option<Split>,
    /// End lines with CR LF.
    pub crlf: bool,
    /// Put a comment line before every event.
    pub comments: bool,
    /// Something that does not belong in a stream.
    pub garbage: Option<Garbage>,
    /// Make this answer differ from the answer to the same question before.
    pub vary: bool,
}

/// Which requests a script is for. `Match::default()` is every call of a model, without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The model as asked for, or its Hub id without the suffix.
    pub model: Option<String>,
    /// The provider that serves.
    pub provider: Option<String>,
    /// The path; without it, calls of models only: chat and embeddings.
    pub path: Option<String>,
    /// Only the next so many matching requests.
    pub times: Option<u32>,
    /// In a directive: what `times` counts under; without it, the text of the message.
    #[serde(deserialize_with = "word")]
    pub id: Option<String>,
}

impl Match {
    /// Every call of a model.
    pub fn any() -> Self {
        Self::default()
    }

    /// Chat requests for this model.
    pub fn model(model: &str) -> Self {
        Self { model: Some(model.to_owned()), ..Self::default() }
    }

    /// Chat requests that this provider serves.
    pub fn provider(provider: &str) -> Self {
        Self { provider: Some(provider.to_owned()), ..Self::default() }
    }

    /// Requests to this path, such as `/v1/models`.
    pub fn path(path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..Self::default() }
    }

    /// The same, but only for the next `times` requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }
}

/// A script with its condition, as one flat JSON object holds them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) when: Match,
    pub(crate) then: Script,
}

impl Rule {
    /// Reads a flat object. The error names the word that is wrong.
    pub(crate) fn from_map(mut words: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut when = Map::new();
        for key in ["model", "provider", "path", "times", "id"] {
            when.extend(words.remove_entry(key));
        }
        let when = serde_json::from_value(Value::Object(when))?;
        let then: Script = serde_json::from_value(Value::Object(words))?;
        match then.status {
            Some(status) if !(200..600).contains(&status) => {
                Err(serde_json::Error::custom(format!("status {status} is not in 200..600")))
            }
            _ => Ok(Self { when, then }),
        }
    }
}

impl Script {
    /// This script with `later` laid over it: what `later` says wins.
    pub(crate) fn overlay(self, later: Self) -> Self {
        Self {
            status: later.status.or(self.status),
            body: later.body.or(self.body),
            message: later.message.or(self.message),
            code: later.code.or(self.code),
            retry_after: later.retry_after.or(self.retry_after),
            ratelimit: later.ratelimit || self.ratelimit,
            ok_error: later.ok_error || self.ok_error,
            headers_ms: later.headers_ms.or(self.headers_ms),
            first_token_ms: later.first_token_ms.or(self.first_token_ms),
            gap_ms: later.gap_ms.or(self.gap_ms),
            hang: later.hang.or(self.hang),
            held: later.held.or(self.held),
            hangup: later.hangup || self.hangup,
            stall_after: later.stall_after.or(self.stall_after),
            cut_after: later.cut_after.or(self.cut_after),
            no_done: later.no_done || self.no_done,
            error_after: later.error_after.or(self.error_after),
            error: later.error.or(self.error),
            usage: later.usage.or(self.usage),
            tokens: later.tokens.or(self.tokens),
            reasoning: later.reasoning.or(self.reasoning),
            text: later.text.or(self.text),
            cap: later.cap.or(self.cap),
            finish: later.finish.or(self.finish),
            dialect: later.dialect.or(self.dialect),
            role: later.role.or(self.role),
            call: later.call.or(self.call),
            arguments: later.arguments.or(self.arguments),
            tool: later.tool.or(self.tool),
            none_filler: later.none_filler || self.none_filler,
            split: later.split.or(self.split),
            crlf: later.crlf || self.crlf,
            comments: later.comments || self.comments,
            garbage: later.garbage.or(self.garbage),
            vary: later.vary || self.vary,
        }
    }
}

/// Accepts a bare number or truth value where a word is meant, because directives do not quote.
fn word<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(input)? {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
        Some(_) => return Err(D::Error::custom("expected a word")),
    })
}
