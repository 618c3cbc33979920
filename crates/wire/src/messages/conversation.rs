//! The system prompt and the messages of a request, as instructions and items.

use std::collections::HashSet;

use super::block::{self, Block};
use crate::json;
use crate::object::{self, Object};
use crate::pivot::{Item, Part, Role};
use crate::request_error::RequestError;

/// Messages of one request: as many as a chat request may have.
const MESSAGES_MAX: usize = 10_000;

/// Blocks of one content, and of the system prompt: as many as a chat request may have parts.
pub(super) const BLOCKS_MAX: usize = 10_000;

/// How the block starts that coding agents put first into the system prompt. It tells Anthropic's billing who calls; to a
/// model it says nothing, and it would make every conversation differ from its first token on.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

/// The system prompt: its blocks, one paragraph each, without the attribution.
pub(super) fn instructions(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    let Some(raw) = body.raw("system") else { return Ok(None) };
    if let Some(text) = json::string(raw) {
        return Ok(Some(text.into_owned()).filter(|text| !text.is_empty()));
    }
    let mut texts = Vec::new();
    for (at, raw) in blocks(raw, "system")?.into_iter().enumerate() {
        let block = Object::read(raw, format!("system[{at}]"))?;
        let text = block::text(&block, "system")?;
        if !(at == 0 && text.starts_with(ATTRIBUTION)) {
            texts.push(text);
        }
    }
    Ok(Some(texts.join("\n\n")).filter(|text| !text.is_empty()))
}

/// The messages, as items in their order.
pub(super) fn items(body: &Object<'_>) -> Result<Vec<Item>, RequestError> {
    let messages =
        body.elements("messages", MESSAGES_MAX)?.ok_or_else(|| RequestError::missing("messages"))?;
    if messages.is_empty() {
        return Err(RequestError::wrong_value("messages", "an array of at least one message"));
    }
    let mut reading = Reading::default();
    for (at, raw) in messages.into_iter().enumerate() {
        reading.message(&Object::read(raw, format!("messages[{at}]"))?)?;
    }
    Ok(reading.items)
}

/// What was read of the messages.
#[derive(Default)]
struct Reading {
    items: Vec<Item>,
    /// The calls since somebody else than the model spoke. An output could belong to either of two with one id. Later
    /// calls may have their ids again: some upstreams count calls anew in each answer.
    call_ids: HashSet<String>,
}

impl Reading {
    fn message(&mut self, message: &Object<'_>) -> Result<(), RequestError> {
        let role = match message.text_required("role")?.as_ref() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            // An operator's word in the middle of a conversation.
            "system" => Role::System,
            _ => {
                return Err(RequestError::wrong_value(&message.path_of("role"), "user, assistant or system"));
            }
        };
        if role != Role::Assistant {
            self.call_ids.clear();
        }
        let path = message.path_of("content");
        let raw = message.raw("content").ok_or_else(|| RequestError::missing(&path))?;
        if let Some(text) = json::string(raw) {
            self.items.push(Item::message(role, vec![Part::Text(text.into_owned())]));
            return Ok(());
        }
        let mut parts = Vec::new();
        for (at, raw) in blocks(raw, &path)?.into_iter().enumerate() {
            match block::read(&Object::read(raw, format!("{path}[{at}]"))?, role)? {
                Block::Parts(more) => parts.extend(more),
                Block::Item(item) => {
                    self.say(role, &mut parts);
                    self.item(item, || format!("{path}[{at}].id"))?;
                }
                Block::Nothing => {}
            }
        }
        self.say(role, &mut parts);
        Ok(())
    }

    fn item(&mut self, item: Item, path: impl Fn() -> String) -> Result<(), RequestError> {
        if let Item::Call { call_id, .. } = &item
            && !self.call_ids.insert(call_id.clone())
        {
            let message = format!("there are two tool calls with the id '{call_id}'");
            return Err(RequestError::new("invalid_value", &path(), message));
        }
        self.items.push(item);
        Ok(())
    }

    /// What was said so far becomes a message.
    fn say(&mut self, role: Role, parts: &mut Vec<Part>) {
        if !parts.is_empty() {
            self.items.push(Item::message(role, std::mem::take(parts)));
        }
    }
}

/// The blocks of a content.
pub(super) fn blocks<'a>(raw: &'a str, path: &str) -> Result<Vec<&'a str>, RequestError> {
    if !raw.starts_with('[') {
        return Err(RequestError::wrong_type(path, "a string or an array of blocks"));
    }
    object::elements(raw, path, BLOCKS_MAX)
}
