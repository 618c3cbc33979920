//! Reading JSON without building a tree: raw fields and elements, nesting depth, the text inside a string.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::{memchr, memchr2};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One field of an object: the decoded key, and key and value as they were written.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) raw_key: &'a str,
    pub(crate) value: &'a str,
}

/// Why an object or an array could not be taken apart.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// Not JSON, or another type of value.
    Json(serde_json::Error),
    /// More parts than the limit.
    TooMany,
}

/// The fields of `object` in their order, duplicates included; at most `fields_max`.
pub(crate) fn fields(object: &str, fields_max: usize) -> Result<Vec<Field<'_>>, Unreadable> {
    let mut parts = Parts { found: Vec::new(), parts_max: fields_max, too_many: false };
    let mut parser = serde_json::Deserializer::from_str(object);
    let read = parser.deserialize_map(Fields(&mut parts)).and_then(|()| parser.end());
    parts.finish(read)
}

/// The elements of `array` as they were written; at most `elements_max`.
pub(crate) fn elements(array: &str, elements_max: usize) -> Result<Vec<&str>, Unreadable> {
    let mut parts = Parts { found: Vec::new(), parts_max: elements_max, too_many: false };
    let mut parser = serde_json::Deserializer::from_str(array);
    let read = parser.deserialize_seq(Elements(&mut parts)).and_then(|()| parser.end());
    parts.finish(read)
}

/// The text of a JSON string; `None` when `raw` is something else or has an escape that means no character.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// The text of any JSON value: of a string its characters, where half of a surrogate pair becomes U+FFFD; nothing of
/// `null`; else the value as written.
pub(crate) fn text(raw: &str) -> Cow<'_, str> {
    if raw == "null" {
        return Cow::Borrowed("");
    }
    string(raw).unwrap_or_else(|| {
        serde_json::from_str::<Lossy>(raw).map_or(Cow::Borrowed(raw), |lossy| lossy.0.into())
    })
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Bytes of the text in a raw JSON value: the decoded string, nothing for `null`, else the length as written.
pub(crate) fn text_len(raw: &str) -> u64 {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inner_text_len(inside.as_bytes()).unwrap_or(inside.len() as u64),
        None if raw == "null" => 0,
        None => raw.len() as u64,
    }
}

/// Bytes of the text that `inside`, put between quotes, is as JSON; `None` when that is no JSON string.
pub(crate) fn inner_text_len(inside: &[u8]) -> Option<u64> {
    // Looking at every byte, without a way out, is what compilers make fast.
    let has_control = inside.iter().fold(false, |found, byte| found | (*byte < 0x20));
    if has_control || str::from_utf8(inside).is_err() {
        return None;
    }
    let mut len = inside.len();
    let mut rest = inside;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        let (written, decoded) = escape(&rest[at..])?;
        len -= written - decoded;
        rest = &rest[at + written..];
    }
    Some(len as u64)
}

/// Whether arrays and objects in `text` nest deeper than `depth_max`. Looks at brackets alone and never recurses.
pub(crate) fn is_deeper_than(text: &[u8], depth_max: usize) -> bool {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at += string_end(&text[at..]),
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Where `part` lies in `whole`, of which it must be a slice.
pub(crate) fn range_in(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

/// The offset just behind the closing quote of the string that `text` starts in.
fn string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// How many bytes the escape at the start of `text` is written with, and how many it stands for; `None` for a quote.
fn escape(text: &[u8]) -> Option<(usize, usize)> {
    if text.first() != Some(&b'\\') {
        return None;
    }
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some((2, 1)),
        b'u' => {
            let digits = text.get(2..6)?;
            let value =
                digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?));
            // A pair of surrogates counts as six bytes instead of four: near enough for an estimate.
            let decoded = match value? {
                0..0x80 => 1,
                0x80..0x800 => 2,
                _ => 3,
            };
            Some((6, decoded))
        }
        _ => None,
    }
}

/// A string that may hold halves of surrogate pairs, which tokens that split a character leave behind.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(LossyVisitor)
    }
}

struct LossyVisitor;

impl Visitor<'_> for LossyVisitor {
    type Value = Lossy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Lossy, E> {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            // Half of a pair is three bytes, of which the first is this one, and each is invalid alone.
            if chunk.invalid().first() == Some(&0xed) {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(Lossy(text))
    }
}

/// The parts that were read, and whether reading stopped because there are more than wanted.
struct Parts<T> {
    found: Vec<T>,
    parts_max: usize,
    too_many: bool,
}

impl<T> Parts<T> {
    fn add<E: de::Error>(&mut self, part: T) -> Result<(), E> {
        self.too_many = self.found.len() == self.parts_max;
        if self.too_many {
            return Err(E::custom("too many parts"));
        }
        self.found.push(part);
        Ok(())
    }

    fn finish(self, read: serde_json::Result<()>) -> Result<Vec<T>, Unreadable> {
        match read {
            Ok(()) => Ok(self.found),
            Err(_) if self.too_many => Err(Unreadable::TooMany),
            Err(error) => Err(Unreadable::Json(error)),
        }
    }
}

struct Fields<'p, 'de>(&'p mut Parts<Field<'de>>);

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(raw_key) = map.next_key::<&'de RawValue>()? {
            let raw_key = raw_key.get();
            let key = string(raw_key).ok_or_else(|| de::Error::custom("a key is not a text"))?;
            self.0.add(Field { key, raw_key, value: map.next_value::<&'de RawValue>()?.get() })?;
        }
        Ok(())
    }
}

struct Elements<'p, 'de>(&'p mut Parts<&'de str>);

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            self.0.add(element.get())?;
        }
        Ok(())
    }
}
