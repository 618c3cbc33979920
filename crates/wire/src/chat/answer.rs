//! The parts of an answer that the gateway reads: of a chunk of a stream and of a whole one, which differ little.
//!
//! Everything is borrowed from the bytes, and every leaf is raw, because upstreams disagree about types: a content
//! may be a list, an id a number, an error a string.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::pattern;

/// The body of an error, for an answer that says no more of its end than the finish reason `error`.
pub(crate) const FINISHED_WITH_ERROR: &str = "\"the upstream ended the answer with finish_reason error\"";

/// Where the text of a choice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In a message, or what is added to one.
    Chat,
    /// In `text`, as in completions. Some servers have that beside a message as well.
    Text,
}

/// A chunk, or a whole answer.
#[derive(Deserialize)]
pub(crate) struct Answer<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) object: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) created: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) choices: Option<Choices<'a>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) msg: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) detail: Option<&'a RawValue>,
}

/// One choice.
#[derive(Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(borrow)]
    pub(crate) index: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) finish_reason: Option<&'a RawValue>,
    /// Moonshot puts it here.
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
}

/// What a choice adds. Reasoning has five names in the field.
#[derive(Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) reasoning_text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) function_call: Option<&'a RawValue>,
}

/// One tool call, or a fragment of one.
#[derive(Deserialize)]
pub(crate) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(crate) function: Option<&'a RawValue>,
}

/// The choices of a chunk: nearly always one, which then costs no allocation.
#[derive(Default)]
pub(crate) struct Choices<'a> {
    first: Option<Choice<'a>>,
    rest: Vec<Choice<'a>>,
}

impl<'a> Choices<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Choice<'a>> {
        self.first.iter().chain(&self.rest)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl Choice<'_> {
    /// Its index; `position`, its place in the chunk, where the upstream gives none.
    pub(crate) fn index(&self, position: usize) -> usize {
        self.index.and_then(|raw| raw.get().parse().ok()).unwrap_or(position)
    }
}

impl<'a> Answer<'a> {
    /// Reads `text`, which must be a JSON object.
    pub(crate) fn read(text: &'a str) -> Option<Answer<'a>> {
        // Without this check an array would be taken for the fields in their order.
        if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
    }

    /// Whether this is an error in one of its spellings.
    pub(crate) fn is_error(&self) -> bool {
        let flat = self.message.or(self.msg).or(self.detail).is_some() && self.choices.is_none();
        self.error.is_some() || flat || self.object.is_some_and(|object| object.get() == "\"error\"")
    }

    pub(crate) fn choices(&self) -> impl Iterator<Item = &Choice<'a>> {
        self.choices.iter().flat_map(Choices::iter)
    }

    pub(crate) fn has_choices(&self) -> bool {
        self.choices.as_ref().is_some_and(|choices| !choices.is_empty())
    }

    /// The one text that this chunk adds, when it does nothing else: one choice that does not end.
    pub(crate) fn only_text(&self, shape: Shape) -> Option<&'a str> {
        let mut choices = self.choices();
        let choice =
            choices.next().filter(|choice| choice.finish_reason.is_none() && choice.message.is_none())?;
        if choices.next().is_some() {
            return None;
        }
        match shape {
            Shape::Chat => pattern::only_text(choice.delta.as_ref()?),
            Shape::Text => choice.text.map(RawValue::get).filter(|text| text.starts_with('"')),
        }
    }

    /// The usage, wherever it is.
    pub(crate) fn usage(&self) -> Option<&'a str> {
        let top = self.usage.map(|raw| raw.get());
        let in_choice = || self.choices().find_map(|choice| choice.usage).map(|raw| raw.get());
        let in_groq = || {
            let extra: GroqExtra<'a> = serde_json::from_str(self.x_groq?.get()).ok()?;
            extra.usage.map(|raw| raw.get())
        };
        top.or_else(in_choice).or_else(in_groq)
    }
}

#[derive(Deserialize)]
struct GroqExtra<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Choices<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut choices = Choices { first: seq.next_element()?, rest: Vec::new() };
        while let Some(choice) = seq.next_element()? {
            choices.rest.push(choice);
        }
        Ok(choices)
    }
}
