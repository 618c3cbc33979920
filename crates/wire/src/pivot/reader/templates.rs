//! How the templates of models write tool calls, and what such a call says.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;

/// Calls in one list.
const CALLS_MAX: usize = 256;

/// How a template writes calls.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) marker: &'static str,
    /// What stands between the call's name and its JSON; empty where the JSON has the name in it.
    pub(super) behind_name: &'static str,
    /// What the JSON begins with.
    pub(super) begins: char,
    /// What stands behind the JSON, in this order.
    pub(super) closers: &'static [&'static str],
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

/// What stands at the beginning of a text.
pub(super) enum Marker {
    Whole(&'static Template),
    Begun,
    None,
}

/// The marker that `text` begins with, or that begins with `text`.
pub(super) fn marker(text: &str) -> Marker {
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

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, alias = "parameters")]
    arguments: &'a RawValue,
}

/// The calls that `value` is, all of them, behind the name in `head` where the template has it there. `None` when it is
/// none, or one of them is none of the tools that are `offered`.
pub(super) fn calls(template: &Template, head: &str, value: &str, offered: &[String]) -> Option<Vec<Leaked>> {
    let calls = if template.behind_name.is_empty() { listed(value)? } else { vec![named(head, value)?] };
    calls.iter().all(|call| offered.contains(&call.name)).then_some(calls)
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
