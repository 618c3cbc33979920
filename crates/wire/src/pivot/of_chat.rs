//! A chat client's own messages: their items, and the history of its session put before them.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;

use super::item::{Item, Part, ParticipantName, Role, ToolKind};
use super::messages::Messages;
use crate::chat::MESSAGES_MAX;
use crate::json::{self, Field};

/// Messages, parts of a message, and calls of a message: as many as a checked request can have.
const ELEMENTS_MAX: usize = MESSAGES_MAX;

/// Fields of a body, a message, a part or a call.
const FIELDS_MAX: usize = 1_000;

/// The names of a thought in a message.
const REASONING: [&str; 4] = ["reasoning_content", "reasoning", "reasoning_text", "thinking"];

/// A chat client's own messages, taken apart.
#[derive(Debug)]
pub struct OwnMessages<'a> {
    body: &'a str,
    /// The array of them in the body.
    array: &'a str,
    messages: Vec<Message<'a>>,
}

impl<'a> OwnMessages<'a> {
    /// Those of the chat body `body`; `None` when it is no chat request. It is to be checked first.
    #[must_use]
    pub fn of(body: &'a [u8]) -> Option<OwnMessages<'a>> {
        let body = str::from_utf8(body).ok()?;
        let (array, messages) = messages(body)?;
        Some(OwnMessages { body, array, messages })
    }

    /// Their items, without the leading system messages, which are the client's instructions.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        let mut reading = Reading::default();
        for message in self.messages.iter().skip_while(|message| message.is_leading()) {
            reading.message(message);
        }
        reading.items
    }

    /// Their body with `history` put behind its leading system messages. Every other byte stays.
    #[must_use]
    pub fn behind(&self, history: &[Item]) -> Bytes {
        let leading = self.messages.iter().take_while(|message| message.is_leading()).count();
        // The client answers calls of the history with its first messages.
        let answers = self.messages[leading..].iter().take_while(|message| message.role == "tool");
        let answered: HashSet<String> =
            answers.filter_map(|answer| answer.text("tool_call_id")).map(Cow::into_owned).collect();
        let mut written = Vec::new();
        Messages::new(&mut written, history.iter()).with_names().write(&answered);
        let at = match self.messages[..leading].last() {
            Some(last) => json::range_in(self.body, last.raw).end,
            None => json::range_in(self.body, self.array).start + 1,
        };
        let (before, after) = self.body.as_bytes().split_at(at);
        let mut out = Vec::with_capacity(self.body.len() + written.len() + 1);
        out.extend_from_slice(before);
        if !written.is_empty() {
            if leading > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&written);
            if leading == 0 && !self.messages.is_empty() {
                out.push(b',');
            }
        }
        out.extend_from_slice(after);
        out.into()
    }
}

/// One message, taken apart.
#[derive(Debug)]
struct Message<'a> {
    raw: &'a str,
    role: Cow<'a, str>,
    fields: Vec<Field<'a>>,
}

/// The array of messages, and each.
fn messages(body: &str) -> Option<(&str, Vec<Message<'_>>)> {
    let fields = json::fields(body, FIELDS_MAX).ok()?;
    let array = fields.iter().find(|field| field.key == "messages")?.value;
    let messages = json::elements(array, ELEMENTS_MAX).ok()?.into_iter().map(|raw| {
        let fields = json::fields(raw, FIELDS_MAX).ok()?;
        let role = json::string(value(&fields, "role")?)?;
        Some(Message { raw, role, fields })
    });
    Some((array, messages.collect::<Option<Vec<_>>>()?))
}

/// The value of the field `name`, unless it is `null`.
fn value<'a>(fields: &[Field<'a>], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.key == name).map(|field| field.value).filter(|value| *value != "null")
}

impl<'a> Message<'a> {
    fn is_leading(&self) -> bool {
        matches!(self.role.as_ref(), "system" | "developer")
    }

    /// The text of the field `name`; `None` when it has none.
    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        value(&self.fields, name).map(json::text).filter(|text| !text.is_empty())
    }

    fn participant(&self) -> Option<ParticipantName> {
        value(&self.fields, "name").and_then(ParticipantName::read)
    }

    fn parts(&self) -> Vec<Part> {
        let content = value(&self.fields, "content").unwrap_or("null");
        let mut parts: Vec<Part> = match json::elements(content, ELEMENTS_MAX) {
            Ok(parts) => parts.into_iter().map(part).collect(),
            Err(_) => {
                Some(json::text(content)).filter(|text| !text.is_empty()).map(said).into_iter().collect()
            }
        };
        let refusal = self.text("refusal").map(|text| Part::Refusal(text.into_owned()));
        parts.extend(refusal);
        parts
    }
}

/// The items so far.
#[derive(Default)]
struct Reading {
    items: Vec<Item>,
    /// Calls that no output answers yet: id, tool, kind.
    open: Vec<(String, String, ToolKind)>,
    /// Calls so far.
    calls: usize,
}

impl Reading {
    fn message(&mut self, message: &Message<'_>) {
        let role = match message.role.as_ref() {
            "tool" | "function" => return self.output(message),
            "assistant" => return self.assistant(message),
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => Role::User,
        };
        self.items.push(Item::Message { role, parts: message.parts(), name: message.participant() });
    }

    fn assistant(&mut self, message: &Message<'_>) {
        if let Some(text) = REASONING.iter().find_map(|name| message.text(name)) {
            self.items.push(Item::Reasoning { text: text.into_owned() });
        }
        let parts = message.parts();
        // The name goes with what is said: calls have no place for it.
        if !parts.is_empty() {
            self.items.push(Item::Message { role: Role::Assistant, parts, name: message.participant() });
        }
        let calls =
            value(&message.fields, "tool_calls").and_then(|raw| json::elements(raw, ELEMENTS_MAX).ok());
        for raw in calls.unwrap_or_default() {
            let fields = json::fields(raw, FIELDS_MAX).unwrap_or_default();
            let id = value(&fields, "id").map(json::text).unwrap_or_default();
            match value(&fields, "custom") {
                Some(custom) => self.call(&id, custom, "input", ToolKind::Custom),
                None => {
                    let function = value(&fields, "function").unwrap_or("{}");
                    self.call(&id, function, "arguments", ToolKind::Function);
                }
            }
        }
        if let Some(function) = value(&message.fields, "function_call") {
            self.call("", function, "arguments", ToolKind::Function);
        }
    }

    fn call(&mut self, id: &str, tool: &str, input: &str, kind: ToolKind) {
        let fields = json::fields(tool, FIELDS_MAX).unwrap_or_default();
        let text = |name| value(&fields, name).map(json::text).unwrap_or_default().into_owned();
        let (name, arguments) = (text("name"), text(input));
        let call_id = if id.is_empty() { format!("call_{}", self.calls) } else { id.to_owned() };
        self.calls += 1;
        self.open.push((call_id.clone(), name.clone(), kind));
        self.items.push(Item::Call { call_id, name, arguments, kind });
    }

    /// An output answers the call that it names; the older form names the tool; one without a name, the oldest call.
    fn output(&mut self, message: &Message<'_>) {
        let id = message.text("tool_call_id");
        let name = message.text("name");
        let call = self.open.iter().position(|(call_id, tool, _)| match (&id, &name) {
            (Some(id), _) => call_id == id,
            (None, Some(name)) => tool == name,
            (None, None) => true,
        });
        let (call_id, kind) = match call.map(|at| self.open.remove(at)) {
            Some((call_id, _, kind)) => (call_id, kind),
            None => (id.unwrap_or(Cow::Borrowed("call_unknown")).into_owned(), ToolKind::Function),
        };
        self.items.push(Item::Output { call_id, parts: message.parts(), kind, failed: false });
    }
}

fn said(text: Cow<'_, str>) -> Part {
    Part::Text(text.into_owned())
}

/// A part in its own form where it has one, else as it was written.
fn part(raw: &str) -> Part {
    if raw.starts_with('"') {
        return said(json::text(raw));
    }
    let fields = json::fields(raw, FIELDS_MAX).unwrap_or_default();
    let kind = value(&fields, "type").map(json::text).unwrap_or_default();
    let known = match kind.as_ref() {
        "text" | "input_text" | "output_text" => value(&fields, "text").and_then(json::string).map(said),
        "refusal" => {
            value(&fields, "refusal").and_then(json::string).map(|text| Part::Refusal(text.into_owned()))
        }
        "image_url" | "input_image" => value(&fields, "image_url").and_then(|image| image_of(image, &fields)),
        _ => None,
    };
    known.unwrap_or_else(|| Part::Other(raw.to_owned()))
}

/// `"https:…"`, or an object with `url`. The detail stands in the object, or next to it.
fn image_of(image: &str, part: &[Field<'_>]) -> Option<Part> {
    let text = |raw| json::string(raw).map(Cow::into_owned);
    if image.starts_with('"') {
        let detail = value(part, "detail").and_then(text);
        return Some(Part::Image { url: text(image)?, detail });
    }
    let fields = json::fields(image, FIELDS_MAX).ok()?;
    Some(Part::Image { url: text(value(&fields, "url")?)?, detail: value(&fields, "detail").and_then(text) })
}
