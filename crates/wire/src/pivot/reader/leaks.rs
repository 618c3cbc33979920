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

/// Bytes of the name of a call that stands before its JSON: the longest name of a tool with a number behind it.
const HEAD_BYTES_MAX: usize = 256;

/// Calls in one list.
const CALLS_MAX: usize = 256;

/// How a template writes calls.
#[derive(Debug)]
struct Template {
    marker: &'static str,
    /// What stands between the call's name and its JSON; empty where the JSON has the name in it.
    behind_name: &'static str,
    /// What the JSON begins with.
    begins: char,
    /// What stands behind the JSON, in this order.
    closers: &'static [&'static str],
}

/// Hermes and Qwen; Mistral; Llama; Kimi, the first call of a section and each other one. No marker is the beginning of
/// another, and each begins with `<` or `[`.
static TEMPLATES: [Template; 5] = [
    Template { marker: "<tool_call>", behind_name: "", begins: '{', closers: &["</tool_call>"] },
    Template { marker: "[TOOL_CALLS]", behind_name: "", begins: '[', closers: &[] },
    Template { marker: "<|python_tag|>", behind_name: "", begins: '{', closers: &[] },
    kimi("<|tool_calls_section_begin|><|tool_call_begin|>"),
    kimi("<|tool_call_begin|>"),
];

const fn kimi(marker: &'static str) -> Template {
    let closers = &["<|tool_call_end|>", "<|tool_calls_section_end|>"];
    Template { marker, behind_name: "<|tool_call_argument_begin|>", begins: '{', closers }
}

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
    /// Behind the marker that is held back, where the call's name stands.
    Name(&'static Template),
    /// Behind the marker that is held back, where the JSON stands: at `start`. `read` bytes of what is held have been
    /// looked at.
    Value {
        template: &'static Template,
        start: usize,
        scan: Scan,
        read: usize,
    },
    /// At the start of the text or behind a call, before what may close it. White space here is told only if text
    /// follows.
    Between {
        closers: &'static [&'static str],
        after_call: bool,
    },
}

impl Place {
    fn value(template: &'static Template, start: usize) -> Place {
        Place::Value { template, start, scan: Scan::default(), read: start }
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::Between { closers: &[], after_call: false }
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
            Place::Between { closers, after_call } => {
                let closer = closers.first().copied().unwrap_or_default();
                after_call && closer.starts_with(held.trim_start())
            }
            _ => false,
        };
        if behind_call {
            self.place = Place::Between { closers: &[], after_call: true };
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
            Place::Name(template) => {
                let template = *template;
                self.read_name(template, rest, tell)
            }
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
                    self.place = if template.behind_name.is_empty() {
                        Place::value(template, template.marker.len())
                    } else {
                        Place::Name(template)
                    };
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
        let Place::Between { closers, .. } = &mut self.place else { return false };
        let here = rest.trim_start();
        if rest.len() - here.len() <= WHITE_BYTES_MAX {
            let closer = closers.first().copied().unwrap_or_default();
            if !closer.is_empty()
                && let Some(behind) = here.strip_prefix(closer)
            {
                *closers = &closers[1..];
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

    fn read_name(
        &mut self,
        template: &'static Template,
        rest: &mut &str,
        tell: &mut dyn FnMut(Piece<'_>),
    ) -> bool {
        let (marker, behind) = rest.split_at(template.marker.len());
        if let Some(name) = behind.find(template.behind_name).filter(|name| *name <= HEAD_BYTES_MAX) {
            self.place = Place::value(template, marker.len() + name + template.behind_name.len());
            return true;
        }
        if behind.len() < HEAD_BYTES_MAX + template.behind_name.len() {
            return false;
        }
        said(marker, tell);
        *rest = behind;
        self.place = Place::Text;
        true
    }

    fn read_value(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Place::Value { template, start, scan, read } = &mut self.place else { return false };
        let (head, behind) = rest.split_at(*start);
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
        let (closers, value) = (template.closers, &rest[start..end]);
        let found = if template.behind_name.is_empty() {
            calls(value)
        } else {
            let name = &head[template.marker.len()..head.len() - template.behind_name.len()];
            named(name, value).map(|call| vec![call])
        };
        match found {
            Some(calls) => {
                calls.into_iter().for_each(|call| tell(Piece::Call(call)));
                self.place = Place::Between { closers, after_call: true };
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

/// The call of the tool `functions.name:0`. The number is that of the call in its answer, so it makes no id for a
/// conversation.
fn named(tool: &str, arguments: &str) -> Option<Leaked> {
    let tool = tool.trim();
    let tool = tool.strip_prefix("functions.").unwrap_or(tool);
    let name = match tool.rsplit_once(':') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => tool,
    };
    let is_json = serde_json::from_str::<&RawValue>(arguments).is_ok();
    (is_json && !name.is_empty()).then(|| Leaked {
        id: String::new(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    })
}
