//! How providers speak. Behind one URL the router passes a dozen dialects through; each is a row of [`table`], and
//! the writers in this folder read the row. No provider has code of its own.

mod error;
mod extras;
pub(crate) mod json;
mod logprobs;
mod stream;
mod table;
mod text;
mod tools;
mod usage;
mod whole;

use std::borrow::Cow;

pub(crate) use error::{ErrorWords, Pair, error_body, stream_error};
pub(crate) use stream::{Event, stream};
pub(crate) use whole::whole;

use crate::answer::Finish;
use crate::script::Script;
use crate::usage::Usage;
use crate::vocabulary::{DialectName, RoleFault, UsageFault};

/// One row of the table.
pub(crate) struct Dialect {
    pub(crate) name: DialectName,
    pub(crate) content_type: &'static str,
    id_prefix: Option<&'static str>,
    role: Role,
    thoughts: Thoughts,
    /// Whether absent members are written as `null`.
    nulls: bool,
    tools: Tools,
    tool_id: ToolId,
    /// The finish reason of an answer that calls tools.
    tool_finish: &'static str,
    usage: UsagePlace,
    /// Whether usage comes even when it was not asked for.
    usage_always: bool,
    cached: Cached,
    done: bool,
    /// Whether `[DONE]` follows an error inside a stream.
    done_after_error: bool,
    errors: ErrorShape,
    pub(crate) fields: Fields,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// In a chunk of its own, before all text.
    Opening,
    Every,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thoughts {
    Reasoning,
    ReasoningContent,
    /// As `<think>…</think>` inside the content.
    Inline,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tools {
    Whole,
    Fragments,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ToolId {
    /// This, then hexadecimal digits.
    Prefixed(&'static str),
    /// 32 letters and digits.
    Random,
    /// The call's position.
    Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UsagePlace {
    /// In a last chunk without choices.
    Separate,
    /// On the chunk with the finish reason.
    Finish,
    Choice,
    Nowhere,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cached {
    /// `prompt_tokens_details.cached_tokens`
    Details,
    /// `cached_tokens` beside the other counts.
    Flat,
    /// The same, and `prompt_cache_hit_tokens` with `prompt_cache_miss_tokens`.
    HitMiss,
    /// `"prompt_tokens_details":null`
    Null,
    Untold,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    Nested,
    /// Nested, with an `id` beside it.
    NestedId,
    /// Nested, with a `request_id` beside it and a word in capitals as code.
    NestedRequestId,
    /// Nested, with a number as code.
    NestedNumber,
    /// `{"error":{"code":"1211","message"}}`
    NumericText,
    /// `{message,type,param,code}`
    Flat,
    /// `{"object":"error",message,type,param,code}`
    FlatObject,
    /// `{"error":"text","error_type"}`
    Typed,
    /// `{"error":{code,message,type}}`
    LlamaCpp,
    /// `{"detail":"text"}`
    Detail,
}

/// Which request fields a provider takes.
pub(crate) enum Fields {
    Any,
    /// All but these: 400.
    AllBut(&'static [&'static str]),
    /// These and no others: 422.
    Only(&'static [&'static str]),
}

/// A provider's ways beyond its dialect.
pub(crate) struct Provider {
    pub(crate) dialect: &'static Dialect,
    /// The output limit for requests that name none.
    pub(crate) output_cap: Option<usize>,
}

/// What is known about a provider id; unknown ones speak as vLLM does.
pub(crate) fn provider(id: &str) -> Provider {
    let row = table::PROVIDERS.iter().find(|row| row.0 == id);
    let (_, name, output_cap) = row.copied().unwrap_or(("", DialectName::Vllm, None));
    Provider { dialect: dialect(name), output_cap }
}

pub(crate) fn dialect(name: DialectName) -> &'static Dialect {
    table::DIALECTS.iter().find(|row| row.name == name).unwrap_or(&table::DIALECTS[0])
}

impl Dialect {
    /// Whether a stream, one that ended in an error or a good one, is closed by `[DONE]`.
    pub(crate) fn sends_done(&self, after_error: bool) -> bool {
        if after_error { self.done_after_error } else { self.done }
    }
}

/// What an answer is an answer to, which decides how its choices are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A chat: messages and their deltas.
    Chat,
    /// A prompt to be completed: bare text.
    Completion,
}

/// What a chunk has added to its choice.
struct Added {
    /// Output tokens.
    tokens: u32,
    /// In the last chunk of a choice, why it ends.
    finish: Option<Finish>,
}

/// What an answer's frame says, apart from the answer.
pub(crate) struct Frame<'a> {
    pub(crate) dialect: &'static Dialect,
    pub(crate) shape: Shape,
    /// The Hub id, without suffix.
    pub(crate) model: &'a str,
    /// Everything that varies is derived from this.
    pub(crate) hash: u64,
    pub(crate) include_usage: bool,
    /// Whether log probabilities are told, and of how many of the likeliest tokens in a completion.
    pub(crate) logprobs: Option<usize>,
    pub(crate) usage: Usage,
    pub(crate) script: &'a Script,
}

/// The moment at which all answers were made: replies are deterministic, time included.
const CREATED_UNIX_SECONDS: u64 = 1_795_000_000;

impl Frame<'_> {
    /// Begins the JSON of a chunk or a whole answer, up to the first choice.
    fn open(&self, out: &mut Vec<u8>, object: &str) {
        let prefix = self.dialect.id_prefix.map(|prefix| match self.shape {
            Shape::Chat => prefix,
            Shape::Completion => prefix.strip_prefix("chat").unwrap_or(prefix),
        });
        let id = prefix.map(|prefix| format!("{prefix}{:016x}", self.hash));
        json::raw(out, "{\"id\":");
        json::string(out, id.as_deref().unwrap_or_default());
        json::member(out, "object", object);
        json::raw(out, &format!(",\"created\":{CREATED_UNIX_SECONDS}"));
        json::member(out, "model", self.model);
        json::raw(out, extras::head(self));
        json::raw(out, ",\"choices\":[");
    }

    fn role(&self) -> Role {
        match self.script.role {
            Some(RoleFault::Every) => Role::Every,
            Some(RoleFault::First) => Role::Opening,
            Some(RoleFault::None) => Role::Never,
            None => self.dialect.role,
        }
    }

    fn usage_place(&self) -> UsagePlace {
        match self.script.usage {
            Some(UsageFault::None) => UsagePlace::Nowhere,
            Some(UsageFault::Separate | UsageFault::Twice) => UsagePlace::Separate,
            Some(UsageFault::Finish) => UsagePlace::Finish,
            Some(UsageFault::Choice) => UsagePlace::Choice,
            _ if self.dialect.usage_always || self.include_usage => self.dialect.usage,
            _ => UsagePlace::Nowhere,
        }
    }

    /// The finish reason as this provider spells it; `None` when it is never sent.
    fn finish(&self, finish: Finish) -> Option<Cow<'_, str>> {
        match self.script.finish.as_deref() {
            Some("none") => return None,
            Some(scripted) => return Some(scripted.into()),
            None => {}
        }
        Some(Cow::Borrowed(match finish {
            Finish::Length => "length",
            Finish::StopSequence if self.dialect.name == DialectName::Tgi => "stop_sequence",
            Finish::Stop | Finish::StopSequence => "stop",
            Finish::ToolCalls => self.dialect.tool_finish,
        }))
    }
}
