//! Recognises a chunk that differs from an earlier one in its text alone, without parsing it.
//!
//! Nearly all chunks of a stream are equal but for a few bytes of text, so comparing is enough: what stands before
//! and after the text was parsed once, and any JSON string in between makes a chunk of the same shape. Parsing each
//! chunk costs several times as much.

use std::iter;

use serde_json::value::RawValue;

use super::answer::{Delta, ToolCall};
use crate::json;

/// The shape of a chunk with one text. None is known at first.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// Everything up to the text, its opening quote included; empty when no shape is known.
    before: Vec<u8>,
    /// Everything from the closing quote on.
    after: Vec<u8>,
}

impl Pattern {
    /// Learns the shape of `chunk`, whose only text is the JSON string `text`, a slice of it.
    pub(super) fn learn(&mut self, chunk: &str, text: &str) {
        let text = json::range_in(chunk, text);
        self.forget();
        if let (Some(before), Some(after)) = (chunk.get(..text.start + 1), chunk.get(text.end - 1..)) {
            self.before.extend_from_slice(before.as_bytes());
            self.after.extend_from_slice(after.as_bytes());
        }
    }

    /// Knows no shape any more.
    pub(super) fn forget(&mut self) {
        self.before.clear();
        self.after.clear();
    }

    /// The bytes of text in `chunk` when it has the shape; `None` when only parsing can tell.
    pub(super) fn text_len(&self, chunk: &[u8]) -> Option<u64> {
        if self.before.is_empty() {
            return None;
        }
        let text = chunk.strip_prefix(self.before.as_slice())?.strip_suffix(self.after.as_slice())?;
        json::inner_text_len(text)
    }
}

/// The one JSON string that all generated text of `delta` is in; `None` when there is no text or more than one.
pub(super) fn only_text<'a>(delta: &Delta<'a>) -> Option<&'a str> {
    let named = [
        delta.content,
        delta.refusal,
        delta.reasoning,
        delta.reasoning_content,
        delta.reasoning_text,
        delta.thinking,
        delta.function_call,
    ];
    let calls = match delta.tool_calls.map(RawValue::get) {
        None | Some("[]") => None,
        Some(calls) => Some(tool_call_text(calls)?),
    };
    let mut texts = named.into_iter().flatten().map(RawValue::get).chain(iter::once(calls).flatten());
    let mut texts = texts.by_ref().filter(|text| *text != "\"\"");
    let text = texts.next().filter(|text| text.starts_with('"'))?;
    if texts.next().is_some() { None } else { Some(text) }
}

/// The arguments of the one tool call in `calls`, when it has no name: a fragment from the middle of a call.
fn tool_call_text(calls: &str) -> Option<&str> {
    let calls: [ToolCall<'_>; 1] = serde_json::from_str(calls).ok()?;
    let [call] = calls;
    let fields = json::fields(call.function?.get(), 8).ok()?;
    let mut arguments = None;
    for field in fields {
        match field.key.as_ref() {
            "arguments" if arguments.is_none() => arguments = Some(field.value),
            "name" if matches!(field.value, "null" | "\"\"") => {}
            _ => return None,
        }
    }
    arguments
}
