//! The parts of messages and of tool outputs.

use super::object::{Object, array};
use super::parameters::{at, object_fields, opt_text, required_text, unknown};
use crate::json::{self, Field};
use crate::pivot::{Part, Role};
use crate::request_error::RequestError;

/// Parts of one message or output.
const PARTS_MAX: usize = 10_000;

/// The word for a role.
pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// The role of a word.
pub(super) fn role(word: &str) -> Option<Role> {
    [Role::System, Role::Developer, Role::User, Role::Assistant]
        .into_iter()
        .find(|role| role_word(*role) == word)
}

/// The content of a message, as JSON.
pub(super) fn message(role: Role, parts: &[Part]) -> String {
    let said = role == Role::Assistant;
    let written: Vec<String> = parts.iter().map(|part| write(part, said)).collect();
    array(written.iter().map(String::as_str))
}

/// The content of a tool's output, as JSON.
pub(super) fn output(parts: &[Part]) -> String {
    message(Role::User, parts)
}

/// A part with a text.
pub(super) fn text(kind: &str, text: &str) -> String {
    Object::of_type(kind).text("text", text).close()
}

/// A text of the model, as the message that it stands in has it.
pub(super) fn output_text(text: &str) -> String {
    Object::of_type("output_text").text("text", text).raw("annotations", "[]").raw("logprobs", "[]").close()
}

/// A refusal of the model.
pub(super) fn refusal(text: &str) -> String {
    Object::of_type("refusal").text("refusal", text).close()
}

fn write(part: &Part, said: bool) -> String {
    match part {
        Part::Text(words) if said => output_text(words),
        Part::Text(words) => text("input_text", words),
        Part::Refusal(words) => refusal(words),
        Part::Image { url, detail } => {
            let image = Object::of_type("input_image").text("image_url", url);
            match detail {
                Some(detail) => image.text("detail", detail).close(),
                None => image.close(),
            }
        }
        Part::Other(raw) => file_of_chat(raw).unwrap_or_else(|| raw.clone()),
    }
}

/// How strictly content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// What a client sent.
    Client,
    /// What the gateway stored: parts of chat may stand among it.
    Store,
}

/// Reads the content of a message or of an output: a text, or parts.
pub(super) fn read(raw: &str, param: &str, from: From) -> Result<Vec<Part>, RequestError> {
    if let Some(text) = json::string(raw) {
        return Ok(vec![Part::Text(text.into_owned())]);
    }
    let parts = json::elements(raw, PARTS_MAX).map_err(|_| {
        RequestError::wrong_type(param, &format!("a string or an array of at most {PARTS_MAX} parts"))
    })?;
    parts.iter().enumerate().map(|(index, part)| read_part(part, &at(param, index), from)).collect()
}

fn read_part(raw: &str, param: &str, from: From) -> Result<Part, RequestError> {
    match read_known_part(raw, param) {
        Err(_) if from == From::Store => Ok(Part::Other(raw.to_owned())),
        read => read,
    }
}

fn read_known_part(raw: &str, param: &str) -> Result<Part, RequestError> {
    let fields = object_fields(raw, param)?;
    let kind = required_text(&fields, "type", param)?;
    match kind.as_str() {
        "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" => {
            required_text(&fields, "text", param).map(Part::Text)
        }
        "refusal" => required_text(&fields, "refusal", param).map(Part::Refusal),
        "input_image" => image(&fields, param),
        "input_file" => file(&fields, param),
        // Chat has the same part.
        "input_audio" => Ok(Part::Other(raw.to_owned())),
        kind => Err(unknown(&format!("{param}.type"), kind, "a part of a message")),
    }
}

fn image(fields: &[Field<'_>], param: &str) -> Result<Part, RequestError> {
    refuse_stored_file(fields, param, "give 'image_url' with the address or the data of the image")?;
    let url = required_text(fields, "image_url", param)?;
    if !["https://", "http://", "data:"].iter().any(|scheme| url.starts_with(scheme)) {
        let expected = "a URL that starts with https://, http:// or data:";
        return Err(RequestError::wrong_value(&format!("{param}.image_url"), expected));
    }
    Ok(Part::Image { url, detail: opt_text(fields, "detail", param)? })
}

/// A file in the request becomes chat's part of a file.
fn file(fields: &[Field<'_>], param: &str) -> Result<Part, RequestError> {
    let hint = "give 'file_data' with the data of the file";
    refuse_stored_file(fields, param, hint)?;
    if opt_text(fields, "file_url", param)?.is_some() {
        return Err(unsupported(&format!("{param}.file_url"), hint));
    }
    let data = required_text(fields, "file_data", param)?;
    let name = opt_text(fields, "filename", param)?;
    Ok(Part::Other(chat_file(name.as_deref(), &data)))
}

fn chat_file(name: Option<&str>, data: &str) -> String {
    let file = Object::default();
    let file = match name {
        Some(name) => file.text("filename", name),
        None => file,
    };
    Object::of_type("file").raw("file", &file.text("file_data", data).close()).close()
}

/// Chat's part of a file as this dialect has it, where reading that gives the very same part back.
fn file_of_chat(raw: &str) -> Option<String> {
    let fields = object_fields(raw, "").ok()?;
    let inner = fields.iter().find(|field| field.key == "file")?.value;
    let inner = object_fields(inner, "").ok()?;
    let data = required_text(&inner, "file_data", "").ok()?;
    let name = opt_text(&inner, "filename", "").ok()?;
    if chat_file(name.as_deref(), &data) != raw {
        return None;
    }
    let shown = Object::of_type("input_file");
    let shown = match &name {
        Some(name) => shown.text("filename", name),
        None => shown,
    };
    Some(shown.text("file_data", &data).close())
}

fn refuse_stored_file(fields: &[Field<'_>], param: &str, hint: &str) -> Result<(), RequestError> {
    match opt_text(fields, "file_id", param)? {
        Some(_) => Err(unsupported(&format!("{param}.file_id"), hint)),
        None => Ok(()),
    }
}

fn unsupported(param: &str, hint: &str) -> RequestError {
    RequestError::new("unsupported_parameter", param, format!("'{param}' is not supported: {hint}"))
}
