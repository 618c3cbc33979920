//! Reading items, of a request and of the store.

use std::borrow::Cow;

use super::content::{self, From};
use super::extras::Namespaced;
use super::hosted::{Dropped, HostedTools, is_hosted_item};
use super::item::PARTICIPANT;
use super::parameters::{at, text, text_required, unknown, word_required};
use crate::object::{self, Object};
use crate::pivot::{Item, Part, ParticipantName, Role, ToolKind};
use crate::request_error::RequestError;

/// Items of one request, as many as a chat request may have messages.
const ITEMS_MAX: usize = 10_000;

/// What the input of a request holds.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) items: Vec<Item>,
    pub(super) references: Vec<(usize, String)>,
    pub(super) sealed: Vec<(usize, String)>,
}

/// Reads `input`: a text of the user, or items.
pub(super) fn read_input(
    body: &Object<'_>,
    hosted: HostedTools,
    dropped: &mut Dropped,
) -> Result<Input, RequestError> {
    let mut input = Input::default();
    let Some(raw) = body.raw("input") else { return Ok(input) };
    if raw.starts_with('"') {
        let parts = content::read(raw, "input", From::Client)?;
        input.items.push(Item::message(Role::User, parts));
        return Ok(input);
    }
    for (index, raw) in object::elements(raw, "input", ITEMS_MAX)?.into_iter().enumerate() {
        let path = at("input", index);
        match read(&Object::read(raw, path.clone())?, &path, From::Client)? {
            Found::Item { item, sealed } => {
                let empty = matches!(&item, Item::Reasoning { text } if text.is_empty());
                if let Some(sealed) = sealed {
                    input.sealed.push((input.items.len(), sealed));
                } else if empty {
                    continue;
                }
                input.items.push(item);
            }
            Found::Reference(id) => input.references.push((input.items.len(), id)),
            Found::Hosted(kind) => dropped.item(hosted, &kind, &path)?,
        }
    }
    Ok(input)
}

/// Reads an item that [`input_item`](super::input_item) or [`output_item`](super::output_item) wrote.
///
/// # Errors
/// When it is something else.
pub fn read_item(json: &str) -> Result<Item, RequestError> {
    match read(&Object::read(json, "item".to_owned())?, "item", From::Store)? {
        Found::Item { item, .. } => Ok(item),
        Found::Reference(_) | Found::Hosted(_) => {
            Err(RequestError::new("invalid_value", "item.type", "this is no stored item"))
        }
    }
}

/// What an item turned out to be.
enum Found {
    Item {
        item: Item,
        sealed: Option<String>,
    },
    Reference(String),
    /// It belongs to a hosted tool of this type.
    Hosted(String),
}

fn read(object: &Object<'_>, path: &str, from: From) -> Result<Found, RequestError> {
    let kind = match object.text("type")? {
        Some(kind) => kind,
        // Messages, and references of nothing but an id, may go without it.
        None if object.raw("role").is_none() && object.raw("id").is_some() => Cow::Borrowed("item_reference"),
        None => Cow::Borrowed("message"),
    };
    let item = match kind.as_ref() {
        "message" => message(object, from)?,
        "function_call" => call(object, from, ToolKind::Function)?,
        "custom_tool_call" => call(object, from, ToolKind::Custom)?,
        "function_call_output" => output(object, from, ToolKind::Function)?,
        "custom_tool_call_output" => output(object, from, ToolKind::Custom)?,
        "reasoning" => {
            let sealed = text(object, "encrypted_content")?;
            return Ok(Found::Item { item: reasoning(object)?, sealed });
        }
        "item_reference" => return Ok(Found::Reference(word_required(object, "id")?)),
        "compaction" => {
            let message =
                format!("'{path}' is a compaction, which this gateway did not make and cannot read");
            return Err(RequestError::new("unsupported_item", path, message));
        }
        kind if is_hosted_item(kind) => return Ok(Found::Hosted(kind.to_owned())),
        kind => return Err(unknown(object, "type", kind, "an item")),
    };
    Ok(Found::Item { item, sealed: None })
}

fn message(object: &Object<'_>, from: From) -> Result<Item, RequestError> {
    let role = content::role(&object.text_required("role")?).ok_or_else(|| {
        let expected = "'user', 'assistant', 'system' or 'developer'";
        RequestError::wrong_value(&object.path_of("role"), expected)
    })?;
    let name = match from {
        // This dialect has no names.
        From::Client => None,
        From::Store => object.raw(PARTICIPANT).and_then(ParticipantName::read),
    };
    Ok(Item::Message { role, parts: parts(object, "content", from)?, name })
}

fn call(object: &Object<'_>, from: From, kind: ToolKind) -> Result<Item, RequestError> {
    let name = read_name(object, "name", from)?;
    let name = match text(object, "namespace")? {
        Some(namespace) if kind == ToolKind::Function => Namespaced { namespace, name }.flat(),
        _ => name,
    };
    let arguments = match kind {
        ToolKind::Function => text_required(object, "arguments")?,
        ToolKind::Custom => text_required(object, "input")?,
    };
    Ok(Item::Call { call_id: read_name(object, "call_id", from)?, name, arguments, kind })
}

fn output(object: &Object<'_>, from: From, kind: ToolKind) -> Result<Item, RequestError> {
    Ok(Item::Output {
        call_id: read_name(object, "call_id", from)?,
        parts: parts(object, "output", from)?,
        kind,
        failed: object.text("status")?.as_deref() == Some("incomplete"),
    })
}

/// The thoughts themselves; where there are none, their summary.
fn reasoning(object: &Object<'_>) -> Result<Item, RequestError> {
    let mut told = String::new();
    for key in ["content", "summary"] {
        if told.is_empty() && object.raw(key).is_some() {
            let texts: Vec<String> = parts(object, key, From::Client)?
                .into_iter()
                .filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None })
                .collect();
            told = texts.join("\n\n");
        }
    }
    Ok(Item::Reasoning { text: told })
}

/// A name, which a client must give. What is stored is as the model wrote it.
fn read_name(object: &Object<'_>, key: &str, from: From) -> Result<String, RequestError> {
    match from {
        From::Client => word_required(object, key),
        From::Store => text_required(object, key),
    }
}

fn parts(object: &Object<'_>, key: &str, from: From) -> Result<Vec<Part>, RequestError> {
    let path = object.path_of(key);
    let raw = object.raw(key).ok_or_else(|| RequestError::missing(&path))?;
    content::read(raw, &path, from)
}
