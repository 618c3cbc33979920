//! Tool calls that an upstream did not understand and left in the text, in the markup of the model's template.
//!
//! What looks like a call is held back until its JSON is whole. When that names a tool and has arguments, it is a call;
//! else it is given as it was.

use memchr::memchr2;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::scan::Scan;
use crate::json;

/// Text that is held back, in bytes. A call with longer arguments stays text.
const HELD_BYTES_MAX: usize = 64 << 10;

/// White space that is held back between markup, in bytes: templates have a few, and it is looked at with every piece.
pub(super) const WHITE_BYTES_MAX: usize = 1 << 10;

/// Calls in one list.
const CALLS_MAX: usize = 256;

/// How a template writes calls.
#[derive(Debug)]
struct Template {
    marker: &'static str,
    /// What the JSON begins with.
    begins: char,
    /// What stands behind the JSON.
    closer: &'static str,
}

/// Hermes and Qwen; Mistral; Llama. No marker is the beginning of another, and each begins with `<` or `[`.
static TEMPLATES: [Template; 3] = [
    Template { marker: "<tool_call>", begins: '{', closer: "</tool_call>" },
    Template { marker: "[TOOL_CALLS]", begins: '[', closer: "" },
    Template { marker: "<|python_tag|>", begins: '{', closer: "" },
];

/// A call that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaked {
    /// Empty where the model wrote none.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What comes out.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Said(&'a str),
    Call(Leaked),
}

/// Finds the calls in one kind of text.
#[derive(Debug, Default)]
pub(super) struct Leaks {
    place: Place,
    held: String,
}

#[derive(Debug)]
enum Place {
    Text,
    /// Behind the marker that is held back. `read` bytes of what is held have been looked at.
    Value {
        template: &'static Template,
        scan: Scan,
        read: usize,
    },
    /// At the start of the text or behind a call. White space here is told only if text follows.
    Between {
        closer: &'static str,
        after_call: bool,
    },
}

impl Default for Place {
    fn default() -> Place {
        Place::Between { closer: "", after_call: false }
    }
}

impl Leaks {
    /// Takes more of the text.
    pub(super) fn read(&mut self, text: &str, tell: &mut dyn FnMut(Piece<'_>)) {
        let plain = matches!(self.place, Place::Text) && self.held.is_empty();
        if plain && memchr2(b'<', b'[', text.as_bytes()).is_none() {
            return said(text, tell);
        }
        self.held.push_str(text);
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while self.step(&mut rest, tell) {}
        // Most often everything is held back, and nothing has to be copied.
        self.held = if rest.len() == held.len() { held } else { rest.to_owned() };
    }

    /// Lets go of what is held back: something else follows, or nothing.
    pub(super) fn flush(&mut self, tell: &mut dyn FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        let place = std::mem::replace(&mut self.place, Place::Text);
        let behind_call = match place {
            Place::Between { closer, after_call } => after_call && closer.starts_with(held.trim_start()),
            _ => false,
        };
        if behind_call {
            self.place = Place::Between { closer: "", after_call: true };
        } else {
            said(&held, tell);
        }
    }

    /// Takes what it can from `rest`. Returns whether there may be more to take.
    fn step(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        if rest.is_empty() {
            return false;
        }
        match &mut self.place {
            Place::Text => self.find_marker(rest, tell),
            Place::Between { .. } => self.pass_closer(rest),
            Place::Value { .. } => self.read_value(rest, tell),
        }
    }

    fn find_marker(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        let mut from = 0;
        while let Some(found) = memchr2(b'<', b'[', &rest.as_bytes()[from..]) {
            let (before, here) = rest.split_at(from + found);
            match marker(here) {
                Marker::Whole(template) => {
                    said(before, tell);
                    *rest = here;
                    self.place =
                        Place::Value { template, scan: Scan::default(), read: template.marker.len() };
                    return true;
                }
                Marker::Begun => {
                    said(before, tell);
                    *rest = here;
                    return false;
                }
                Marker::None => from += found + 1,
            }
        }
        said(rest, tell);
        *rest = "";
        false
    }

    fn pass_closer(&mut self, rest: &mut &str) -> bool {
        let Place::Between { closer, .. } = &mut self.place else { return false };
        let here = rest.trim_start();
        if rest.len() - here.len() <= WHITE_BYTES_MAX {
            if !closer.is_empty()
                && let Some(behind) = here.strip_prefix(*closer)
            {
                *closer = "";
                *rest = behind;
                return true;
            }
            if here.is_empty() || closer.starts_with(here) {
                return false;
            }
            match marker(here) {
                Marker::Whole(_) => *rest = here,
                Marker::Begun => return false,
                // White space without a call before it belongs to the text; so it does before other text.
                Marker::None => {}
            }
        }
        self.place = Place::Text;
        true
    }

    fn read_value(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Place::Value { template, scan, read } = &mut self.place else { return false };
        let behind = &rest[template.marker.len()..];
        let value = behind.trim_start();
        if !scan.is_begun() && !value.is_empty() && !value.starts_with(template.begins) {
            said(&rest[..rest.len() - value.len()], tell);
            *rest = value;
            self.place = Place::Text;
            return true;
        }
        let start = rest.len() - value.len();
        let Some(end) = scan.read(&rest[*read..]).map(|end| *read + end) else {
            *read = rest.len();
            if rest.len() <= HELD_BYTES_MAX {
                return false;
            }
            said(rest, tell);
            *rest = "";
            self.place = Place::Text;
            return false;
        };
        let (closer, value) = (template.closer, &rest[start..end]);
        match calls(value) {
            Some(calls) => {
                calls.into_iter().for_each(|call| tell(Piece::Call(call)));
                self.place = Place::Between { closer, after_call: true };
            }
            None => {
                said(&rest[..end], tell);
                self.place = Place::Text;
            }
        }
        *rest = &rest[end..];
        true
    }
}

enum Marker {
    Whole(&'static Template),
    Begun,
    None,
}

/// The marker that `text` begins with, or that begins with `text`.
fn marker(text: &str) -> Marker {
    for template in &TEMPLATES {
        if text.starts_with(template.marker) {
            return Marker::Whole(template);
        }
        if template.marker.starts_with(text) {
            return Marker::Begun;
        }
    }
    Marker::None
}

fn said(text: &str, tell: &mut dyn FnMut(Piece<'_>)) {
    if !text.is_empty() {
        tell(Piece::Said(text));
    }
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, alias = "parameters")]
    arguments: &'a RawValue,
}

/// The calls that `value` is, all of them.
fn calls(value: &str) -> Option<Vec<Leaked>> {
    if value.starts_with('{') {
        return Some(vec![call(value)?]);
    }
    let calls = json::elements(value, CALLS_MAX).ok()?;
    if calls.is_empty() { None } else { calls.into_iter().map(call).collect() }
}

fn call(raw: &str) -> Option<Leaked> {
    let shape: Shape<'_> = if raw.starts_with('{') { serde_json::from_str(raw).ok()? } else { return None };
    let name = json::string(shape.name.get()).filter(|name| !name.is_empty())?;
    let arguments = json::text(shape.arguments.get());
    if !arguments.trim_start().starts_with('{') {
        return None;
    }
    let id = shape.id.and_then(|raw| json::string(raw.get())).unwrap_or_default();
    Some(Leaked { id: id.into_owned(), name: name.into_owned(), arguments: arguments.into_owned() })
}
