//! Calls whose arguments stand in the text as JSON, and where such a call ends.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::scan::Scan;
use super::templates::{Leaked, Read};
use crate::json;
use crate::pivot::request::Callable;

/// Calls in one list.
const CALLS_MAX: usize = 256;

/// Bytes of the name of a call that stands before its JSON: the longest name of a tool with a number behind it.
const HEAD_BYTES_MAX: usize = 256;

/// How a template writes such calls.
#[derive(Debug)]
pub(super) struct Json {
    /// What stands between the call's name and its JSON; empty where the JSON has the name in it.
    pub(super) behind_name: &'static str,
    /// What the JSON begins with.
    pub(super) opens: &'static str,
    /// What stands behind the JSON, in this order.
    pub(super) closers: &'static [&'static str],
}

/// Follows one call, or a list of them, while its text arrives.
#[derive(Debug)]
pub(super) struct InJson {
    form: &'static Json,
    /// Where the name stands; `None` until it is read.
    name: Option<Range<usize>>,
    /// Bytes that were understood: those before the name, or before the JSON.
    at: usize,
    scan: Scan,
    /// Bytes that the scan has looked at.
    scanned: usize,
}

impl InJson {
    /// A call of this form that begins at `start` of a text.
    pub(super) fn new(form: &'static Json, start: usize) -> InJson {
        let name = form.behind_name.is_empty().then_some(start..start);
        InJson { form, name, at: start, scan: Scan::default(), scanned: start }
    }

    /// Reads what is new of `text`, which is all text since the marker. The calls must be of tools that are `offered`.
    pub(super) fn read(&mut self, text: &str, offered: &[Callable]) -> Read {
        let Some(name) = self.name.clone() else { return self.read_name(text, offered) };
        let value = text[self.at..].trim_start();
        let begins = text.len() - value.len();
        if !self.scan.is_begun() && !value.is_empty() && !value.starts_with(self.form.opens) {
            return Read::Not(begins);
        }
        let end = self.scan.read(&text[self.scanned..]).map(|end| self.scanned + end);
        self.scanned = text.len();
        let Some(end) = end else { return Read::More };
        match calls(self.form, &text[name], &text[begins..end], offered) {
            Some(calls) => Read::Calls(end, calls, self.form.closers),
            None => Read::Not(end),
        }
    }

    fn read_name(&mut self, text: &str, offered: &[Callable]) -> Read {
        let (behind, behind_name) = (&text[self.at..], self.form.behind_name);
        let longest = HEAD_BYTES_MAX + behind_name.len();
        if let Some(len) = behind[..behind.floor_char_boundary(longest)].find(behind_name) {
            self.name = Some(self.at..self.at + len);
            self.at += len + behind_name.len();
            self.scanned = self.at;
            return self.read(text, offered);
        }
        if behind.len() < longest { Read::More } else { Read::Not(self.at) }
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

/// The calls that `value` is, all of them, behind the name in `head` where the form has it there. `None` when it is none,
/// or one of them is none of the tools that are `offered`.
fn calls(form: &Json, head: &str, value: &str, offered: &[Callable]) -> Option<Vec<Leaked>> {
    let calls = if form.behind_name.is_empty() { listed(value)? } else { vec![named(head, value)?] };
    calls.iter().all(|call| offered.iter().any(|tool| tool.name == call.name)).then_some(calls)
}

fn listed(value: &str) -> Option<Vec<Leaked>> {
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
