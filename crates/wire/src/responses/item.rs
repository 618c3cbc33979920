//! The JSON of items, as it is stored and as clients see it.

use std::borrow::Cow;

use super::content;
use super::extras::Namespaced;
use super::object_writer::ObjectWriter;
use super::status::ItemStatus;
use crate::object::Object;
use crate::pivot::{Item, Part, ToolKind};

/// The key of a participant's name in a stored message.
pub(super) const PARTICIPANT: &str = "name";

/// An item of the input, as it is stored. [`shown_item`] is what `/input_items` shows of it.
#[must_use]
pub fn input_item(item: &Item, id: &str) -> String {
    output_item(item, id, ItemStatus::Completed)
}

/// An item of an output, as a response shows it and as it is stored.
#[must_use]
pub fn output_item(item: &Item, id: &str, status: ItemStatus) -> String {
    Dress::default().item(item, id, status, None)
}

/// A stored item as clients see it: without the name of a participant, which items have no place for.
#[must_use]
pub fn shown_item(stored: &str) -> Cow<'_, str> {
    let Ok(item) = Object::read(stored, String::new()) else { return stored.into() };
    // Calls have a name as well, which is the tool's. Messages alone have a role.
    if item.raw("role").is_none() || item.raw(PARTICIPANT).is_none() {
        return stored.into();
    }
    let fields = item.fields().iter().filter(|field| field.key != PARTICIPANT);
    fields.fold(ObjectWriter::default(), |shown, field| shown.raw(&field.key, field.value)).close().into()
}

/// The id of the item at `index` of a call's items: what it is, the call, its place.
#[must_use]
pub fn item_id(item: &Item, call_hex: &str, index: usize) -> String {
    let prefix = match item {
        Item::Message { .. } => "msg",
        Item::Reasoning { .. } => "rs",
        Item::Call { kind: ToolKind::Function, .. } => "fc",
        Item::Call { kind: ToolKind::Custom, .. } => "ctc",
        Item::Output { kind: ToolKind::Function, .. } => "fco",
        Item::Output { kind: ToolKind::Custom, .. } => "ctco",
    };
    format!("{prefix}_{call_hex}_{index}")
}

/// How a response dresses its items. The default is plain.
#[derive(Clone, Debug, Default)]
pub(super) struct Dress {
    /// Reasoning is told as a summary.
    pub(super) summary: bool,
    /// Functions that the client knows within a namespace.
    pub(super) namespaced: Vec<Namespaced>,
}

impl Dress {
    /// The JSON of an item. `sealed` is the `encrypted_content` of reasoning.
    pub(super) fn item(&self, item: &Item, id: &str, status: ItemStatus, sealed: Option<&str>) -> String {
        match item {
            Item::Message { role, parts, name } => {
                let message = begun("message", id, status)
                    .text("role", content::role_word(*role))
                    .raw("content", &content::message(*role, parts));
                match name {
                    Some(name) => message.text(PARTICIPANT, name.as_str()).close(),
                    None => message.close(),
                }
            }
            Item::Reasoning { text } => self.reasoning(text, begun("reasoning", id, status), sealed),
            Item::Call { call_id, name, arguments, kind: ToolKind::Custom } => {
                begun("custom_tool_call", id, status)
                    .text("call_id", call_id)
                    .text("name", name)
                    .text("input", arguments)
                    .close()
            }
            Item::Call { call_id, name, arguments, kind: ToolKind::Function } => {
                let (namespace, name) = self.known_name(name);
                let call = begun("function_call", id, status).text("call_id", call_id).text("name", name);
                let call = match namespace {
                    Some(namespace) => call.text("namespace", namespace),
                    None => call,
                };
                call.text("arguments", arguments).close()
            }
            Item::Output { call_id, parts, kind, failed } => output(call_id, parts, *kind, *failed, id),
        }
    }

    /// The namespace, if any, and the name under which the client knows the function `flat`.
    pub(super) fn known_name<'a>(&'a self, flat: &'a str) -> (Option<&'a str>, &'a str) {
        match self.namespaced.iter().find(|known| known.flat() == flat) {
            Some(known) => (Some(&known.namespace), &known.name),
            None => (None, flat),
        }
    }

    fn reasoning(&self, text: &str, begun: ObjectWriter, sealed: Option<&str>) -> String {
        let kind = if self.summary { "summary_text" } else { "reasoning_text" };
        let told = if text.is_empty() {
            Cow::Borrowed("[]")
        } else {
            format!("[{}]", content::text(kind, text)).into()
        };
        let (summary, thoughts) = if self.summary { (told, "[]".into()) } else { ("[]".into(), told) };
        let item = begun.raw("summary", &summary).raw("content", &thoughts);
        match sealed {
            Some(sealed) => item.text("encrypted_content", sealed).close(),
            None => item.close(),
        }
    }
}

fn begun(kind: &str, id: &str, status: ItemStatus) -> ObjectWriter {
    ObjectWriter::of_type(kind).text("id", id).text("status", status.as_str())
}

/// What a tool gave back is whole; the word for one that failed is `incomplete`.
fn output(call_id: &str, parts: &[Part], kind: ToolKind, failed: bool, id: &str) -> String {
    let kind = match kind {
        ToolKind::Function => "function_call_output",
        ToolKind::Custom => "custom_tool_call_output",
    };
    let status = if failed { ItemStatus::Incomplete } else { ItemStatus::Completed };
    let item = begun(kind, id, status).text("call_id", call_id);
    match parts {
        [Part::Text(text)] => item.text("output", text).close(),
        parts => item.raw("output", &content::output(parts)).close(),
    }
}
