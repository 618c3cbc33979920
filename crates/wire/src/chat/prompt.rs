//! How large a prompt can be: a bound of its tokens that needs no tokenizer.
//!
//! Byte-level tokenizers never make more tokens than a text has bytes, and JSON never writes a text in fewer bytes
//! than it has. So the bytes of the body, with allowances for what a chat template adds and for images, bound the
//! tokens. More bytes never make the bound smaller, except for the payload of an image, which is no text.

use domain::usage::{TOKENS_MAX, estimate_tokens};

use crate::json::{self, Field, Unreadable};
use crate::parameters::refuse_other_spelling;
use crate::request_error::RequestError;

/// Messages of one request, whether a client wrote it or the gateway put it together from a session: twice the 50,000
/// items that are read of a history at most. A hostile body of this many is small, and costs a few milliseconds.
pub(crate) const MESSAGES_MAX: usize = 100_000;

/// Content parts of all messages of one request: as many, since most messages have one.
const PARTS_MAX: usize = MESSAGES_MAX;

/// Tools of one request, twice what OpenAI takes.
const TOOLS_MAX: usize = 256;

/// Fields of a message, a part or an image.
const FIELDS_MAX: usize = 1_000;

/// What a template puts around one message, in tokens: two or three control tokens, the role, line ends.
pub const MESSAGE_TOKENS: u64 = 16;

/// What a template puts around one tool, in tokens: markup and the indentation of its definition.
pub const TOOL_TOKENS: u64 = 64;

/// What a template adds once: a default system prompt, the date, the instructions for calling tools.
const TEMPLATE_TOKENS: u64 = 256;

/// The most tokens that one image takes: 12.8 million pixels in patches of 28 × 28, the largest default in use.
const IMAGE_TOKENS: u64 = 16_384;

/// The tokens that one image is taken for in an estimate: about 0.8 million pixels in patches of 28 × 28, 1024 × 784.
pub const IMAGE_TOKENS_ESTIMATED: u64 = 1_024;

/// Fields that the model does not read. Every other field counts, known or not.
pub(crate) const SETTINGS: [&str; 25] = [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "min_p",
    "model",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "provider",
    "repetition_penalty",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_k",
    "top_logprobs",
    "top_p",
];

/// Fields that let a server make more tokens of a prompt than it has bytes: other templates, other image sizes.
const UNBOUNDING: [&str; 3] = ["chat_template", "media_io_kwargs", "mm_processor_kwargs"];

/// What was counted of a prompt.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    field_bytes: u64,
    messages: u64,
    parts: usize,
    tools: u64,
    images: u64,
    /// Bytes of data URLs of images, which are no text.
    image_bytes: u64,
    text_bytes: u64,
    /// Something in it has a size that the body does not tell.
    unbounded: bool,
}

impl Prompt {
    /// Counts a top-level field of `written_bytes` bytes, key and value.
    pub(super) fn add_field(&mut self, key: &str, written_bytes: usize) {
        if !SETTINGS.contains(&key) {
            self.field_bytes += written_bytes as u64;
        }
        self.unbounded |= UNBOUNDING.contains(&key);
    }

    /// Checks and counts `messages`.
    pub(super) fn read_messages(&mut self, raw: &str) -> Result<(), RequestError> {
        let messages = json::elements(raw, MESSAGES_MAX)
            .map_err(|error| unreadable(&error, "messages", "an array of messages", MESSAGES_MAX))?;
        if messages.is_empty() {
            return Err(RequestError::wrong_value("messages", "an array of at least one message"));
        }
        for (at, message) in messages.iter().enumerate() {
            self.read_message(at, message)?;
        }
        Ok(())
    }

    /// Checks and counts `tools`, or their older form `functions`.
    pub(super) fn read_tools(&mut self, key: &str, raw: &str) -> Result<(), RequestError> {
        if raw == "null" {
            return Ok(());
        }
        let tools = json::elements(raw, TOOLS_MAX)
            .map_err(|error| unreadable(&error, key, "an array of tools", TOOLS_MAX))?;
        self.tools += tools.len() as u64;
        self.text_bytes += tools.iter().map(|tool| tool.len() as u64).sum::<u64>();
        Ok(())
    }

    /// The bound, in tokens.
    pub(super) fn input_tokens(&self) -> u64 {
        if self.unbounded {
            return TOKENS_MAX;
        }
        self.field_bytes
            .saturating_sub(self.image_bytes)
            .saturating_add(TEMPLATE_TOKENS)
            .saturating_add(self.messages * MESSAGE_TOKENS)
            .saturating_add(self.tools * TOOL_TOKENS)
            .saturating_add(self.images * IMAGE_TOKENS)
            .min(TOKENS_MAX)
    }

    /// What the prompt is taken for where nobody counted it, in tokens: its text by its bytes, its images at a flat
    /// number each.
    pub(super) fn tokens_estimate(&self) -> u64 {
        estimate_tokens(self.text_bytes) + self.images * IMAGE_TOKENS_ESTIMATED
    }

    fn read_message(&mut self, at: usize, raw: &str) -> Result<(), RequestError> {
        self.messages += 1;
        let (mut role, mut content) = (None, None);
        for field in fields_of(raw, || format!("messages[{at}]"), &["role", "content"])? {
            match field.key.as_ref() {
                "role" => once(&mut role, &field, || format!("messages[{at}].role"))?,
                "content" => once(&mut content, &field, || format!("messages[{at}].content"))?,
                "tool_calls" | "function_call" | "reasoning" | "reasoning_content" => {
                    self.text_bytes += json::text_len(field.value);
                }
                _ => {}
            }
        }
        if role.and_then(json::string).is_none() {
            return Err(RequestError::wrong_type(&format!("messages[{at}].role"), "a string"));
        }
        let content = content.unwrap_or("null");
        match content.as_bytes().first() {
            Some(b'"' | b'n') => self.text_bytes += json::text_len(content),
            Some(b'[') => self.read_parts(at, content)?,
            _ => {
                let param = format!("messages[{at}].content");
                return Err(RequestError::wrong_type(&param, "a string, an array of parts or null"));
            }
        }
        Ok(())
    }

    fn read_parts(&mut self, message: usize, raw: &str) -> Result<(), RequestError> {
        let param = || format!("messages[{message}].content");
        let parts = json::elements(raw, PARTS_MAX)
            .map_err(|error| unreadable(&error, &param(), "an array of parts", PARTS_MAX))?;
        self.parts += parts.len();
        if self.parts > PARTS_MAX {
            return Err(unreadable(&Unreadable::TooMany, &param(), "", PARTS_MAX));
        }
        for (at, part) in parts.iter().enumerate() {
            if part.starts_with('"') {
                self.text_bytes += json::text_len(part);
            } else {
                self.read_part(part, || format!("messages[{message}].content[{at}]"))?;
            }
        }
        Ok(())
    }

    fn read_part(&mut self, raw: &str, param: impl Fn() -> String) -> Result<(), RequestError> {
        let (mut kind, mut image, mut text) = (None, None, None);
        for field in fields_of(raw, &param, &["type", "image_url"])? {
            match field.key.as_ref() {
                "type" => once(&mut kind, &field, || format!("{}.type", param()))?,
                "image_url" => once(&mut image, &field, || format!("{}.image_url", param()))?,
                "text" => text = Some(field.value),
                _ => {}
            }
        }
        let kind = kind
            .and_then(json::string)
            .ok_or_else(|| RequestError::wrong_type(&format!("{}.type", param()), "a string"))?;
        match kind.as_ref() {
            "text" | "input_text" | "output_text" => self.text_bytes += text.map_or(0, json::text_len),
            "image_url" | "input_image" | "image" => {
                self.images += 1;
                self.image_bytes += image.map_or(Ok(0), |image| payload_bytes(image, param))?;
            }
            // These carry all they have in the body.
            "refusal" | "reasoning" | "reasoning_text" | "thinking" | "input_audio" => {
                self.text_bytes += raw.len() as u64;
            }
            // A video or a file may be a reference to something of any size.
            _ => self.unbounded = true,
        }
        Ok(())
    }
}

/// Bytes of the data URL of an image: `"data:…"` or `{"url":"data:…"}`. Anything else has no payload.
fn payload_bytes(image: &str, param: impl Fn() -> String) -> Result<u64, RequestError> {
    let mut url = Some(image).filter(|image| image.starts_with('"'));
    if image.starts_with('{') {
        for field in fields_of(image, || format!("{}.image_url", param()), &["url"])? {
            if field.key == "url" {
                once(&mut url, &field, || format!("{}.image_url.url", param()))?;
            }
        }
    }
    let data_url = url.filter(|url| url.starts_with("\"data:image"));
    Ok(data_url.map_or(0, |url| url.len() as u64))
}

/// The fields of an object inside the request, where no field that is read has another spelling.
fn fields_of<'a>(
    raw: &'a str,
    param: impl Fn() -> String,
    read: &[&str],
) -> Result<Vec<Field<'a>>, RequestError> {
    let fields = json::fields(raw, FIELDS_MAX)
        .map_err(|error| unreadable(&error, &param(), "an object", FIELDS_MAX))?;
    for field in &fields {
        refuse_other_spelling(&field.key, read, &field.key)?;
    }
    Ok(fields)
}

/// Puts the value of `field` into `slot`, which must be empty.
fn once<'a>(
    slot: &mut Option<&'a str>,
    field: &Field<'a>,
    param: impl Fn() -> String,
) -> Result<(), RequestError> {
    if slot.replace(field.value).is_some() { Err(RequestError::duplicate(&param())) } else { Ok(()) }
}

fn unreadable(error: &Unreadable, param: &str, expected: &str, max: usize) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::new("invalid_value", param, format!("'{param}' has more than {max} items"))
        }
        Unreadable::Json(_) => RequestError::wrong_type(param, expected),
    }
}
