//! Pieces of tool calls, as chunks and messages have them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;

/// Pieces in one chunk, or calls in one message.
const FRAGMENTS_MAX: usize = 10_000;

/// A piece of a tool call. What is missing is empty.
#[derive(Debug, Default)]
pub(super) struct Fragment<'a> {
    /// Which call of the answer it belongs to, where the upstream says.
    pub(super) index: Option<u64>,
    /// Its place among the pieces of its chunk.
    pub(super) position: usize,
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Tells the pieces in `tool_calls`.
pub(super) fn read<'a>(raw: &'a str, tell: &mut dyn FnMut(&Fragment<'a>)) {
    for (position, raw) in json::elements(raw, FRAGMENTS_MAX).unwrap_or_default().into_iter().enumerate() {
        let Some(written) = object::<Written<'a>>(raw) else { continue };
        let function = written.function.and_then(|raw| object::<Function<'a>>(raw.get())).unwrap_or_default();
        tell(&Fragment {
            index: written.index.and_then(|raw| json::text(raw.get()).parse().ok()),
            position,
            id: text(written.id),
            name: text(function.name),
            arguments: text(function.arguments),
        });
    }
}

/// Tells the piece in `function_call`, the older form of a call: there is one, without an id.
pub(super) fn read_function<'a>(raw: &'a str, tell: &mut dyn FnMut(&Fragment<'a>)) {
    if let Some(function) = object::<Function<'a>>(raw) {
        let (name, arguments) = (text(function.name), text(function.arguments));
        tell(&Fragment { index: Some(0), name, arguments, ..Fragment::default() });
    }
}

fn object<'a, T: Deserialize<'a>>(raw: &'a str) -> Option<T> {
    // Without this check an array would be taken for the fields in their order.
    if raw.starts_with('{') { serde_json::from_str(raw).ok() } else { None }
}

/// A string's text. Arguments may also be an object in its place, and an id a number.
fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    raw.map(|raw| json::text(raw.get())).unwrap_or_default()
}
