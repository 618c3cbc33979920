//! The parts of messages and of tool outputs.

use super::object_writer::{ObjectWriter, array};
use super::parameters::{at, text_required, unknown};
use crate::json;
use crate::object::Object;
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
    ObjectWriter::of_type(kind).text("text", text).close()
}

/// A text of the model, as the message that it stands in has it.
pub(super) fn output_text(text: &str) -> String {
    ObjectWriter::of_type("output_text")
        .text("text", text)
        .raw("annotations", "[]")
        .raw("logprobs", "[]")
        .close()
}

/// A refusal of the model.
pub(super) fn refusal(text: &str) -> String {
    ObjectWriter::of_type("refusal").text("refusal", text).close()
}

fn write(part: &Part, said: bool) -> String {
    match part {
        Part::Text(words) if said => output_text(words),
        Part::Text(words) => text("input_text", words),
        Part::Refusal(words) => refusal(words),
        Part::Image { url, detail } => {
            let image = ObjectWriter::of_type("input_image").text("image_url", url);
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
pub(super) fn read(raw: &str, path: &str, from: From) -> Result<Vec<Part>, RequestError> {
    if let Some(text) = json::string(raw) {
        return Ok(vec![Part::Text(text.into_owned())]);
    }
    let parts = json::elements(raw, PARTS_MAX).map_err(|_| {
        RequestError::wrong_type(path, &format!("a string or an array of at most {PARTS_MAX} parts"))
    })?;
    parts.iter().enumerate().map(|(index, part)| read_part(part, at(path, index), from)).collect()
}

fn read_part(raw: &str, path: String, from: From) -> Result<Part, RequestError> {
    match read_known_part(raw, path) {
        Err(_) if from == From::Store => Ok(Part::Other(raw.to_owned())),
        read => read,
    }
}

fn read_known_part(raw: &str, path: String) -> Result<Part, RequestError> {
    let part = Object::read(raw, path)?;
    match part.text_required("type")?.as_ref() {
        "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" => {
            text_required(&part, "text").map(Part::Text)
        }
        "refusal" => text_required(&part, "refusal").map(Part::Refusal),
        "input_image" => image(&part),
        "input_file" => file(&part),
        // Chat has the same part.
        "input_audio" => Ok(Part::Other(raw.to_owned())),
        kind => Err(unknown(&part, "type", kind, "a part of a message")),
    }
}

fn image(part: &Object<'_>) -> Result<Part, RequestError> {
    refuse(part, "file_id", "give 'image_url' with the address or the data of the image")?;
    let url = text_required(part, "image_url")?;
    if !["https://", "http://", "data:"].iter().any(|scheme| url.starts_with(scheme)) {
        let expected = "a URL that starts with https://, http:// or data:";
        return Err(RequestError::wrong_value(&part.path_of("image_url"), expected));
    }
    Ok(Part::Image { url, detail: part.text("detail")?.map(Into::into) })
}

/// A file in the request becomes chat's part of a file.
fn file(part: &Object<'_>) -> Result<Part, RequestError> {
    for key in ["file_id", "file_url"] {
        refuse(part, key, "give 'file_data' with the data of the file")?;
    }
    let data = part.text_required("file_data")?;
    Ok(Part::Other(chat_file(part.text("filename")?.as_deref(), &data)))
}

fn chat_file(name: Option<&str>, data: &str) -> String {
    let file = named(ObjectWriter::default(), name).text("file_data", data).close();
    ObjectWriter::of_type("file").raw("file", &file).close()
}

/// Chat's part of a file as this dialect has it, where reading that gives the very same part back.
fn file_of_chat(raw: &str) -> Option<String> {
    let file = Object::read(raw, String::new()).ok()?.object("file").ok()??;
    let data = file.text_required("file_data").ok()?;
    let name = file.text("filename").ok()?;
    if chat_file(name.as_deref(), &data) != raw {
        return None;
    }
    let shown = named(ObjectWriter::of_type("input_file"), name.as_deref());
    Some(shown.text("file_data", &data).close())
}

fn named(file: ObjectWriter, name: Option<&str>) -> ObjectWriter {
    match name {
        Some(name) => file.text("filename", name),
        None => file,
    }
}

/// Refuses a field that names a file which is not here.
fn refuse(part: &Object<'_>, key: &str, hint: &str) -> Result<(), RequestError> {
    if part.text(key)?.is_none() {
        return Ok(());
    }
    let path = part.path_of(key);
    let message = format!("'{path}' is not supported: {hint}");
    Err(RequestError::new("unsupported_parameter", &path, message))
}
