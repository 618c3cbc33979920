//! Reads an upstream's error, in whatever shape it comes.
//!
//! Fourteen dialects stand behind one URL: a string, an object, a flat object, a list, FastAPI's `detail`, an HTML
//! page of a load balancer, or nothing at all.

use serde_json::Value;

use crate::scrub;

/// Characters of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// Characters of a code, a type or a parameter that are kept.
const WORD_CHARS_MAX: usize = 200;

/// Items of a list of errors that are shown.
const ITEMS_MAX: usize = 5;

/// Bytes of a body that is not JSON that are looked at.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What an upstream said, fit to be shown: bounded, without control characters and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// Its message; never empty, at most 1,000 characters.
    pub message: String,
    /// Its code; numbers are written as text.
    pub code: Option<String>,
    /// Its type, or TGI's `error_type`.
    pub kind: Option<String>,
    /// The parameter that it names.
    pub param: Option<String>,
}

impl UpstreamError {
    /// Reads the body of an error. `status` only helps to word a message when the body has none.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> UpstreamError {
        let mut found = Found::default();
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => found.value(&value),
            Err(_) => found.message = text_message(body),
        }
        found.finish(status)
    }
}

/// What was found so far. The outermost message wins, because the walk goes from the outside in.
#[derive(Default)]
struct Found {
    message: Option<String>,
    code: Option<String>,
    kind: Option<String>,
    param: Option<String>,
}

impl Found {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(_) => self.object(value),
            Value::Array(items) => match items.first() {
                Some(first @ Value::Object(object)) if object.contains_key("error") => self.object(first),
                _ => self.message = list_message(items),
            },
            other => self.message = scalar(other),
        }
    }

    fn object(&mut self, object: &Value) {
        match object.get("error").or_else(|| object.get("errors")) {
            Some(inner @ Value::Object(_)) => self.flat(inner),
            Some(Value::Array(items)) => self.message = list_message(items),
            Some(other) => self.message = scalar(other),
            None => {}
        }
        self.flat(object);
    }

    /// Takes what the keys of one object say, where nothing was found yet.
    fn flat(&mut self, object: &Value) {
        if self.message.is_none() {
            self.message = ["message", "detail", "msg", "error_message", "error", "reason"]
                .iter()
                .find_map(|key| message_of(object.get(key)?))
                .or_else(|| ["message", "detail"].iter().find_map(|key| compact(object.get(key)?)));
        }
        let word = |keys: &[&str]| keys.iter().find_map(|key| scalar(object.get(key)?));
        self.code = self.code.take().or_else(|| word(&["code", "status_code", "http_status_code"]));
        self.kind = self.kind.take().or_else(|| word(&["type", "error_type"]));
        self.param = self.param.take().or_else(|| word(&["param"]));
    }

    fn finish(self, status: u16) -> UpstreamError {
        let clean_word =
            |word: Option<String>| word.map(|w| scrub::clean(&w, WORD_CHARS_MAX)).filter(|w| !w.is_empty());
        let message = self.message.map(|text| scrub::clean(&text, MESSAGE_CHARS_MAX));
        UpstreamError {
            message: message
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| format!("the upstream sent an error without a message (status {status})")),
            code: clean_word(self.code),
            kind: clean_word(self.kind),
            param: clean_word(self.param),
        }
    }
}

fn message_of(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => list_message(items),
        Value::Object(object) => {
            ["message", "msg", "detail"].iter().find_map(|key| match object.get(*key)? {
                Value::Array(items) => list_message(items),
                other => scalar(other),
            })
        }
        other => scalar(other),
    }
}

/// One line for a list of errors: FastAPI's `[{"loc":[…],"msg":…}]`, or a list of texts.
fn list_message(items: &[Value]) -> Option<String> {
    let lines: Vec<String> = items.iter().take(ITEMS_MAX).filter_map(item_message).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn item_message(item: &Value) -> Option<String> {
    let message = match item {
        Value::Object(object) => ["msg", "message"].iter().find_map(|key| scalar(object.get(*key)?)),
        other => scalar(other),
    }?;
    let place = item.get("loc").or_else(|| item.get("path")).and_then(Value::as_array);
    let place: Vec<String> = place.into_iter().flatten().filter_map(scalar).collect();
    Some(if place.is_empty() { message } else { format!("{}: {message}", place.join(".")) })
}

/// The text of a string that says something, or of a number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An object or a list that says something nobody knows how to read, as it is.
fn compact(value: &Value) -> Option<String> {
    let says = match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    says.then(|| value.to_string())
}

/// The title of an HTML page, or the text itself.
fn text_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(TEXT_BYTES_MAX)]);
    let text = text.trim();
    if !text.starts_with('<') {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    // Lowering ASCII letters keeps every offset.
    let lower = text.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(text[start..end].to_owned())
}
