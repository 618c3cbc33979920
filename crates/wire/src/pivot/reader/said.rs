//! What a delta or a message says in words: reasoning, text, refusal.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::chat::answer::Delta;
use crate::json;

/// Lists in lists of parts that are read: a part of thinking has a list of its own, nothing has more.
const DEPTH_MAX: usize = 3;

/// Parts of one content.
const PARTS_MAX: usize = 10_000;

/// Fields of one part.
const FIELDS_MAX: usize = 100;

/// The fields of a part that its words are in.
const WORDS: [&str; 6] = ["text", "refusal", "thinking", "reasoning", "summary", "content"];

/// What the words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Reasoning,
    Text,
    Refusal,
}

/// Tells the words of `delta` in the order in which models make them. None is empty.
pub(super) fn read(delta: &Delta<'_>, tell: &mut dyn FnMut(Channel, &str)) {
    let reasoning = reasoning(delta);
    if !reasoning.is_empty() {
        tell(Channel::Reasoning, &reasoning);
    }
    if let Some(content) = delta.content {
        words(content.get(), Channel::Text, DEPTH_MAX, tell);
    }
    if let Some(refusal) = delta.refusal {
        words(refusal.get(), Channel::Refusal, DEPTH_MAX, tell);
    }
}

/// The reasoning. Some upstreams send the same under two names, so the longest is all of it.
fn reasoning<'a>(delta: &Delta<'a>) -> Cow<'a, str> {
    let named = [
        delta.reasoning_content,
        delta.reasoning,
        delta.reasoning_text,
        delta.thinking,
        delta.reasoning_details,
    ];
    let mut longest = Cow::Borrowed("");
    for text in named.into_iter().flatten().map(joined) {
        if text.len() > longest.len() {
            longest = text;
        }
    }
    longest
}

/// The words of a value in one piece, whatever they are.
fn joined(raw: &RawValue) -> Cow<'_, str> {
    let raw = raw.get();
    if raw.starts_with('"') {
        return json::text(raw);
    }
    let mut all = String::new();
    words(raw, Channel::Reasoning, DEPTH_MAX, &mut |_, text| all.push_str(text));
    all.into()
}

/// Tells the words of a value: of a string itself, of a list those of its parts, of a part those of the field that has
/// them. A part without words (an image, an encrypted thought) says nothing.
fn words(raw: &str, channel: Channel, depth: usize, tell: &mut dyn FnMut(Channel, &str)) {
    match raw.as_bytes().first() {
        Some(b'[') if depth > 0 => {
            for part in json::elements(raw, PARTS_MAX).unwrap_or_default() {
                words(part, channel, depth - 1, tell);
            }
        }
        Some(b'{') => part(raw, channel, depth, tell),
        Some(b'"') => {
            let text = json::text(raw);
            if !text.is_empty() {
                tell(channel, &text);
            }
        }
        _ => {}
    }
}

fn part(raw: &str, channel: Channel, depth: usize, tell: &mut dyn FnMut(Channel, &str)) {
    let Ok(fields) = json::fields(raw, FIELDS_MAX) else { return };
    let field = |name: &str| fields.iter().find(|field| field.key == name).map(|field| field.value);
    let kind = field("type").map(json::text).unwrap_or_default();
    let channel = match kind.as_ref() {
        "refusal" => Channel::Refusal,
        kind if kind.starts_with("reasoning") || kind.starts_with("thinking") => Channel::Reasoning,
        _ => channel,
    };
    let value = WORDS.iter().find_map(|name| field(name).filter(|value| *value != "null"));
    // An object in place of the words has none that are known.
    if let Some(value) = value.filter(|value| !value.starts_with('{')) {
        words(value, channel, depth, tell);
    }
}
