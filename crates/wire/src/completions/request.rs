//! The body of `POST /v1/completions`.

use crate::json;
use crate::object::Object;
use crate::passing::{self, Place, passing};
use crate::pivot::{Item, Part, Request, Role, Settings};
use crate::request_error::RequestError;

/// The output limit where the client gives none, in tokens, as at OpenAI.
const OUTPUT_TOKENS_DEFAULT: u64 = 16;

const HERE: Place = Place {
    route: "/v1/completions",
    instead: &[("input", "prompt"), ("max_completion_tokens", "max_tokens")],
};

/// Fields that are read here.
const READ: [&str; 15] = [
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionsRequest {
    /// What is asked for: the prompt is the one message of a user.
    pub ask: Request,
    /// The session that it goes on with.
    pub session_id: Option<String>,
    /// Whether the caller of a stream asked for its usage.
    pub usage_asked: bool,
}

impl CompletionsRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(body: &[u8]) -> Result<CompletionsRequest, RequestError> {
        let body = Object::body(body)?;
        refuse_unsupported(&body)?;
        let limit = passing::output_limit(&body, "max_tokens")?;
        let stream = body.boolean("stream")?.unwrap_or(false);
        let usage_asked = match body.object("stream_options")? {
            Some(options) => options.boolean("include_usage")?.unwrap_or(false),
            None => false,
        };
        let ask = Request {
            model: passing::model(&body)?,
            provider: passing::provider(&body)?,
            stream,
            instructions: None,
            input: vec![Item::Message { role: Role::User, parts: vec![Part::Text(prompt(&body)?)] }],
            settings: Settings {
                output_tokens: Some(limit.unwrap_or(OUTPUT_TOKENS_DEFAULT)),
                stop: passing::stop(&body, "stop")?,
                passing: passed(&body)?,
                ..Settings::default()
            },
        };
        Ok(CompletionsRequest {
            ask,
            session_id: passing::session_id(&body)?,
            usage_asked: stream && usage_asked,
        })
    }
}

/// The prompt: a string, or an array of one.
fn prompt(body: &Object<'_>) -> Result<String, RequestError> {
    let raw = body.raw("prompt").ok_or_else(|| RequestError::missing("prompt"))?;
    if let Some(text) = json::string(raw) {
        return Ok(text.into_owned());
    }
    // One more than can be taken: whether there are two is all that matters.
    let expected =
        "a string, or an array of one string: several prompts and arrays of tokens are not supported";
    match body.elements("prompt", 1).unwrap_or_default().as_deref() {
        Some([only]) => match json::string(only) {
            Some(text) => Ok(text.into_owned()),
            None => Err(RequestError::wrong_value("prompt", expected)),
        },
        _ => Err(RequestError::wrong_value("prompt", expected)),
    }
}

/// Refuses what a chat upstream cannot do, unless its value asks for nothing.
fn refuse_unsupported(body: &Object<'_>) -> Result<(), RequestError> {
    for (key, harmless, why) in [
        ("suffix", "\"\"", "text cannot be inserted before a suffix here"),
        ("echo", "false", "the prompt cannot be sent back"),
        ("logprobs", "null", "log probabilities of tokens are not known here"),
        ("n", "1", "one answer is given per call"),
        ("best_of", "1", "one answer is given per call"),
    ] {
        if body.raw(key).is_some_and(|raw| raw != harmless) {
            let message = format!("'{key}' with this value is not supported: {why}");
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
