//! One block of a message's content.

use std::borrow::Cow;

use super::conversation::blocks;
use crate::json;
use crate::object::Object;
use crate::pivot::{Item, Part, Role, ToolKind};
use crate::request_error::RequestError;

/// Characters of the id of a tool call. Upstreams make ids of up to about 64.
const CALL_ID_CHARS_MAX: usize = 256;

/// Characters of a tool's name, as at Anthropic.
const NAME_CHARS_MAX: usize = 128;

/// Characters of a media type. The longest registered one has fewer.
const MEDIA_TYPE_CHARS_MAX: usize = 128;

/// What a block is.
pub(super) enum Block {
    /// Part of what is said.
    Parts(Vec<Part>),
    /// A piece of the conversation of its own.
    Item(Item),
    /// Nothing that another model could read.
    Nothing,
}

/// Reads a block of a message of `role`.
pub(super) fn read(block: &Object<'_>, role: Role) -> Result<Block, RequestError> {
    let kind = block.text_required("type")?;
    match (kind.as_ref(), role) {
        ("text", _) => Ok(Block::Parts(vec![Part::Text(block.text_required("text")?.into_owned())])),
        ("image" | "document" | "search_result", Role::User) => said(block, &kind).map(Block::Parts),
        ("tool_result", Role::User) => output(block).map(Block::Item),
        ("tool_use", Role::Assistant) => call(block).map(Block::Item),
        ("thinking", Role::Assistant) => {
            // Its signature is ours, or one of another service that nobody here could check.
            Ok(match block.text_required("thinking")? {
                text if text.is_empty() => Block::Nothing,
                text => Block::Item(Item::Reasoning { text: text.into_owned() }),
            })
        }
        ("redacted_thinking", Role::Assistant) => Ok(Block::Nothing),
        _ => Err(unsupported(block, &kind, role_name(role))),
    }
}

/// The text of a block that must be one. `place` is where it stands, for the error.
pub(super) fn text<'a>(block: &Object<'a>, place: &str) -> Result<Cow<'a, str>, RequestError> {
    match block.text_required("type")?.as_ref() {
        "text" => block.text_required("text"),
        kind => Err(unsupported(block, kind, place)),
    }
}

fn call(block: &Object<'_>) -> Result<Item, RequestError> {
    let input = block.raw_object("input")?.ok_or_else(|| RequestError::missing(&block.path_of("input")))?;
    Ok(Item::Call {
        call_id: block.name_required("id", CALL_ID_CHARS_MAX)?,
        name: block.name_required("name", NAME_CHARS_MAX)?,
        arguments: input.to_owned(),
        kind: ToolKind::Function,
    })
}

fn output(block: &Object<'_>) -> Result<Item, RequestError> {
    Ok(Item::Output {
        call_id: block.name_required("tool_use_id", CALL_ID_CHARS_MAX)?,
        parts: content(block)?,
        kind: ToolKind::Function,
        failed: block.boolean("is_error")?.unwrap_or(false),
    })
}

/// The content of a tool's output, or of a document: a string, or blocks.
fn content(block: &Object<'_>) -> Result<Vec<Part>, RequestError> {
    let Some(raw) = block.raw("content") else { return Ok(Vec::new()) };
    if let Some(text) = json::string(raw) {
        return Ok(vec![Part::Text(text.into_owned())]);
    }
    let path = block.path_of("content");
    let mut parts = Vec::new();
    for (at, raw) in blocks(raw, &path)?.into_iter().enumerate() {
        let inner = Object::read(raw, format!("{path}[{at}]"))?;
        parts.extend(said(&inner, &inner.text_required("type")?)?);
    }
    Ok(parts)
}

/// What a user or a tool says in one block.
fn said(block: &Object<'_>, kind: &str) -> Result<Vec<Part>, RequestError> {
    match kind {
        "text" => Ok(vec![Part::Text(block.text_required("text")?.into_owned())]),
        "image" => image(block).map(|image| vec![image]),
        "document" => document(block),
        "search_result" => {
            let mut parts = titled(&[block.text("title")?, block.text("source")?]);
            parts.extend(content(block)?);
            Ok(parts)
        }
        // A tool that finds tools names what it found. All tools of the request are offered anyway.
        "tool_reference" => Ok(vec![Part::Text(block.name_required("tool_name", NAME_CHARS_MAX)?)]),
        _ => Err(unsupported(block, kind, "tool_result")),
    }
}

fn image(block: &Object<'_>) -> Result<Part, RequestError> {
    let source = source(block)?;
    let url = match source.text_required("type")?.as_ref() {
        "base64" => {
            let media_type = source.name_required("media_type", MEDIA_TYPE_CHARS_MAX)?;
            if !is_image_type(&media_type) {
                let expected = "an image type: image/jpeg, image/png, image/gif or image/webp";
                return Err(RequestError::wrong_value(&source.path_of("media_type"), expected));
            }
            format!("data:{media_type};base64,{}", source.text_required("data")?)
        }
        "url" => {
            let url = source.text_required("url")?;
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                return Err(RequestError::wrong_value(&source.path_of("url"), "an https: URL"));
            }
            url.into_owned()
        }
        kind => return Err(unsupported_source(&source, kind)),
    };
    Ok(Part::Image { url, detail: None })
}

/// A document: its text, or its file where the upstream may read it.
fn document(block: &Object<'_>) -> Result<Vec<Part>, RequestError> {
    let source = source(block)?;
    let title = block.text("title")?;
    let mut parts = titled(&[title.clone(), block.text("context")?]);
    match source.text_required("type")?.as_ref() {
        "text" => parts.push(Part::Text(source.text_required("data")?.into_owned())),
        "content" => parts.extend(content(&source)?),
        "base64" => {
            let media_type = source.name_required("media_type", MEDIA_TYPE_CHARS_MAX)?;
            let data = format!("data:{media_type};base64,{}", source.text_required("data")?);
            parts.push(file(title.as_deref().unwrap_or("document"), &data));
        }
        kind => return Err(unsupported_source(&source, kind)),
    }
    Ok(parts)
}

/// The lines above a document that say what it is.
fn titled(lines: &[Option<Cow<'_, str>>]) -> Vec<Part> {
    let lines: Vec<&str> =
        lines.iter().flatten().map(AsRef::as_ref).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { Vec::new() } else { vec![Part::Text(lines.join("\n"))] }
}

/// A file, as chat has it.
fn file(name: &str, data: &str) -> Part {
    let mut part = Vec::with_capacity(data.len() + name.len() + 64);
    part.extend_from_slice(b"{\"type\":\"file\",\"file\":{\"filename\":");
    json::write_string(&mut part, name);
    part.extend_from_slice(b",\"file_data\":");
    json::write_string(&mut part, data);
    part.extend_from_slice(b"}}");
    // JSON of strings is UTF-8.
    Part::Other(String::from_utf8(part).unwrap_or_default())
}

fn source<'a>(block: &Object<'a>) -> Result<Object<'a>, RequestError> {
    block.object("source")?.ok_or_else(|| RequestError::missing(&block.path_of("source")))
}

/// Whether a media type is an image's, and nothing in it could end the URL's head.
fn is_image_type(media_type: &str) -> bool {
    media_type.strip_prefix("image/").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn unsupported(block: &Object<'_>, kind: &str, place: &str) -> RequestError {
    let message = format!("a block of the type '{kind}' is not supported in '{place}' content");
    RequestError::new("unsupported_content", &block.path_of("type"), message)
}

fn unsupported_source(source: &Object<'_>, kind: &str) -> RequestError {
    let message = format!("a source of the type '{kind}' is not supported here: send the content itself");
    RequestError::new("unsupported_content", &source.path_of("type"), message)
}
