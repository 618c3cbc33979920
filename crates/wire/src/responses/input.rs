//! Reading items, of a request and of the store.

use super::content::{self, From};
use super::extras::Namespaced;
use super::hosted::{Dropped, HostedTools, is_hosted_item};
use super::parameters::{at, list, object_fields, opt_text, required_name, required_text, unknown, value};
use crate::json::Field;
use crate::pivot::{Item, Part, Role, ToolKind};
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
    raw: &str,
    hosted: HostedTools,
    dropped: &mut Dropped,
) -> Result<Input, RequestError> {
    let mut input = Input::default();
    if raw.starts_with('"') {
        let parts = content::read(raw, "input", From::Client)?;
        input.items.push(Item::Message { role: Role::User, parts });
        return Ok(input);
    }
    for (index, raw) in list("input", raw, ITEMS_MAX)?.into_iter().enumerate() {
        let param = at("input", index);
        match read(raw, &param, From::Client)? {
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
            Found::Hosted(kind) => dropped.item(hosted, &kind, &param)?,
        }
    }
    Ok(input)
}

/// Reads an item that [`input_item`](super::input_item) or [`output_item`](super::output_item) wrote.
///
/// # Errors
/// When it is something else.
pub fn read_item(json: &str) -> Result<Item, RequestError> {
    match read(json, "item", From::Store)? {
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

fn read(raw: &str, param: &str, from: From) -> Result<Found, RequestError> {
    let fields = object_fields(raw, param)?;
    let kind = match opt_text(&fields, "type", param)? {
        Some(kind) => kind,
        // Messages, and references of nothing but an id, may go without it.
        None if value(&fields, "role").is_none() && value(&fields, "id").is_some() => {
            "item_reference".to_owned()
        }
        None => "message".to_owned(),
    };
    let item = match kind.as_str() {
        "message" => message(&fields, param, from)?,
        "function_call" => call(&fields, param, from, ToolKind::Function)?,
        "custom_tool_call" => call(&fields, param, from, ToolKind::Custom)?,
        "function_call_output" => output(&fields, param, from, ToolKind::Function)?,
        "custom_tool_call_output" => output(&fields, param, from, ToolKind::Custom)?,
        "reasoning" => {
            let sealed = opt_text(&fields, "encrypted_content", param)?;
            return Ok(Found::Item { item: reasoning(&fields, param)?, sealed });
        }
        "item_reference" => return Ok(Found::Reference(required_name(&fields, "id", param)?)),
        "compaction" => {
            let message =
                format!("'{param}' is a compaction, which this gateway did not make and cannot read");
            return Err(RequestError::new("unsupported_item", param, message));
        }
        kind if is_hosted_item(kind) => return Ok(Found::Hosted(kind.to_owned())),
        kind => return Err(unknown(&format!("{param}.type"), kind, "an item")),
    };
    Ok(Found::Item { item, sealed: None })
}

fn message(fields: &[Field<'_>], param: &str, from: From) -> Result<Item, RequestError> {
    let word = required_text(fields, "role", param)?;
    let role = content::role(&word).ok_or_else(|| {
        RequestError::wrong_value(&format!("{param}.role"), "'user', 'assistant', 'system' or 'developer'")
    })?;
    Ok(Item::Message { role, parts: parts(fields, "content", param, from)? })
}

fn call(fields: &[Field<'_>], param: &str, from: From, kind: ToolKind) -> Result<Item, RequestError> {
    let name = read_name(fields, "name", param, from)?;
    let name = match opt_text(fields, "namespace", param)? {
        Some(namespace) if kind == ToolKind::Function => Namespaced { namespace, name }.flat(),
        _ => name,
    };
    let arguments = match kind {
        ToolKind::Function => required_text(fields, "arguments", param)?,
        ToolKind::Custom => required_text(fields, "input", param)?,
    };
    Ok(Item::Call { call_id: read_name(fields, "call_id", param, from)?, name, arguments, kind })
}

fn output(fields: &[Field<'_>], param: &str, from: From, kind: ToolKind) -> Result<Item, RequestError> {
    Ok(Item::Output {
        call_id: read_name(fields, "call_id", param, from)?,
        parts: parts(fields, "output", param, from)?,
        kind,
        failed: opt_text(fields, "status", param)?.as_deref() == Some("incomplete"),
    })
}

/// The thoughts themselves; where there are none, their summary.
fn reasoning(fields: &[Field<'_>], param: &str) -> Result<Item, RequestError> {
    let mut told = String::new();
    for key in ["content", "summary"] {
        if told.is_empty() && value(fields, key).is_some() {
            let texts: Vec<String> = parts(fields, key, param, From::Client)?
                .into_iter()
                .filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None })
                .collect();
            told = texts.join("\n\n");
        }
    }
    Ok(Item::Reasoning { text: told })
}

/// A name, which a client must give. What is stored is as the model wrote it.
fn read_name(fields: &[Field<'_>], key: &str, param: &str, from: From) -> Result<String, RequestError> {
    match from {
        From::Client => required_name(fields, key, param),
        From::Store => required_text(fields, key, param),
    }
}

fn parts(fields: &[Field<'_>], key: &str, param: &str, from: From) -> Result<Vec<Part>, RequestError> {
    let param = format!("{param}.{key}");
    let raw = value(fields, key).ok_or_else(|| RequestError::missing(&param))?;
    content::read(raw, &param, from)
}
