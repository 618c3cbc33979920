//! The body of `POST /v1/completions`.

use bytes::Bytes;

use super::text::TextRequest;
use crate::json;
use crate::object::Object;
use crate::passing::{self, Door, passing};
use crate::pivot::{Item, Part, Request, Role, Settings};
use crate::request_error::RequestError;

/// The output limit where the client gives none, in tokens, as at OpenAI.
pub(super) const OUTPUT_TOKENS_DEFAULT: u64 = 16;

pub(super) const HERE: Door = Door {
    route: "/v1/completions",
    instead: &[("input", "prompt"), ("max_completion_tokens", "max_tokens")],
};

/// Fields that are read here.
pub(super) const READ: [&str; 15] = [
    "best_of",
    "echo",
    "logprobs",
    "max_tokens",
    "model",
    "n",
    "prompt",
    "provider",
    "session_id",
    "stop",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "top_p",
];

/// A request in the legacy Completions dialect.
#[derive(Clone, Debug)]
pub struct CompletionsRequest {
    /// The request as it is, for an upstream that completes texts.
    pub text: TextRequest,
    /// The prompt as the one message of a user, for one that only chats; or what cannot be asked of a chat.
    pub chat: Result<Request, RequestError>,
}

impl CompletionsRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// The first thing that is wrong with it wherever it goes.
    pub fn parse(body: &Bytes) -> Result<CompletionsRequest, RequestError> {
        let object = Object::body(body)?;
        let text = TextRequest::read(body, &object)?;
        let chat = as_chat(&text, &object);
        Ok(CompletionsRequest { text, chat })
    }
}

fn as_chat(text: &TextRequest, body: &Object<'_>) -> Result<Request, RequestError> {
    refuse_unsupported(body)?;
    Ok(Request {
        target: text.target().clone(),
        stream: text.stream(),
        instructions: None,
        input: vec![Item::message(Role::User, vec![Part::Text(prompt(body)?)])],
        settings: Settings {
            output_tokens: text.bound().output_tokens,
            stop: passing::stop(body, "stop")?,
            passing: passed(body)?,
            ..Settings::default()
        },
    })
}

/// The prompt: a string, or an array of one.
fn prompt(body: &Object<'_>) -> Result<String, RequestError> {
    let raw = body.raw("prompt").ok_or_else(|| RequestError::missing("prompt"))?;
    if let Some(text) = json::string(raw) {
        return Ok(text.into_owned());
    }
    // One more than can be taken: whether there are two is all that matters.
    let expected = "a string, or an array of one string: the provider of this model chats, and takes no several prompts and no \
         arrays of tokens";
    match body.elements("prompt", 1).unwrap_or_default().as_deref() {
        Some([only]) => match json::string(only) {
            Some(text) => Ok(text.into_owned()),
            None => Err(RequestError::wrong_value("prompt", expected)),
        },
        _ => Err(RequestError::wrong_value("prompt", expected)),
    }
}

/// Refuses what an upstream that only chats cannot do, unless its value asks for nothing.
fn refuse_unsupported(body: &Object<'_>) -> Result<(), RequestError> {
    for (key, harmless, why) in [
        ("suffix", "\"\"", "text cannot be inserted before a suffix here"),
        ("echo", "false", "the prompt cannot be sent back"),
        ("logprobs", "null", "log probabilities of tokens are not known here"),
        ("n", "1", "one answer is given per call"),
        ("best_of", "1", "one answer is given per call"),
    ] {
        if body.raw(key).is_some_and(|raw| raw != harmless) {
            let message =
                format!("'{key}' with this value is not supported by the provider of this model: {why}");
            return Err(RequestError::new("unsupported_parameter", key, message));
        }
    }
    Ok(())
}

/// What a chat request has under the same name, and what the upstream may know.
fn passed(body: &Object<'_>) -> Result<Vec<(String, String)>, RequestError> {
    let mut fields = Vec::new();
    for key in ["temperature", "top_p"] {
        fields.extend(passing::number(body, key)?);
    }
    for field in body.fields().iter().filter(|field| !READ.contains(&field.key.as_ref())) {
        fields.extend(passing(field, &HERE)?);
    }
    Ok(fields)
}
