//! A chat request: what the gateway must know of it, and the body that is sent in its place.
//!
//! The body is parsed once, and what is priced is what is sent. Fields that the gateway reads are checked and appear
//! once; all others pass byte for byte.

use std::ops::Range;

use bytes::Bytes;
use domain::CallBound;

use super::parameters;
use super::prompt::Prompt;
use crate::json::{self, Field, Unreadable};
use crate::request_error::RequestError;
use crate::session;

/// Arrays and objects that may nest in a body, itself included. Real requests, tool schemas included, stay below 20.
const DEPTH_MAX: usize = 64;

/// Top-level fields of a body. Real requests have about 10.
const FIELDS_MAX: usize = 1_000;

/// How to send a request on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward<'a> {
    /// The model's name at the upstream.
    pub upstream_model: &'a str,
    /// Writes this output limit, in place of any that the caller named.
    pub output_tokens: Option<u64>,
}

/// A checked chat request.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    body: Bytes,
    /// The fields to send, in order: all but `model`, `provider` and `session_id`.
    kept: Vec<Kept>,
    model: String,
    provider: Option<String>,
    session_id: Option<String>,
    stream: bool,
    usage_asked: bool,
    output_tokens: Option<u64>,
    n: u32,
    input_tokens: u64,
    prompt_tokens_estimate: u64,
}

/// One field that is sent, as it was written: from its key to the end of its value.
#[derive(Clone, Debug)]
struct Kept {
    role: Role,
    written: Range<usize>,
    /// Where in the body the value starts.
    value_start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Plain,
    OutputLimit,
    StreamOptions,
}

impl ChatRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Refusing a hostile body costs at most a few passes over its bytes.
    pub fn parse(body: Bytes) -> Result<ChatRequest, RequestError> {
        let draft = {
            let (text, fields) = fields_of_body(&body)?;
            parameters::refuse_ambiguous(&fields)?;
            let mut draft = Draft::default();
            for field in &fields {
                draft.read(text, field)?;
            }
            draft
        };
        draft.finish(body)
    }

    /// The whole body, as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The model that was asked for; never empty.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The provider that was asked for, by its name at the gateway.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The conversation that is to be gone on in, by the client's own name.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// Whether the answer is to be streamed.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller of a stream asked for its usage.
    #[must_use]
    pub fn usage_asked(&self) -> bool {
        self.usage_asked
    }

    /// What bounds the cost of the call.
    #[must_use]
    pub fn bound(&self) -> CallBound {
        CallBound { input_tokens: self.input_tokens, output_tokens: self.output_tokens, n: self.n }
    }

    /// Tokens that the prompt is taken for where the upstream does not count them: four bytes of its text each, and
    /// 1,024 for every image.
    #[must_use]
    pub fn prompt_tokens_estimate(&self) -> u64 {
        self.prompt_tokens_estimate
    }

    /// The body to send: the model first, because the Hugging Face router reads it from the start of the body, then
    /// the fields as they were written. A stream asks for its usage, so that the call can be billed.
    #[must_use]
    pub fn forward(&self, to: &Forward<'_>) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + to.upstream_model.len() + 96);
        out.extend_from_slice(b"{\"model\":");
        json::write_string(&mut out, to.upstream_model);
        if let Some(limit) = to.output_tokens {
            out.extend_from_slice(format!(",\"max_tokens\":{limit}").as_bytes());
        }
        let mut usage_included = !self.stream;
        for field in &self.kept {
            match field.role {
                Role::OutputLimit if to.output_tokens.is_some() => continue,
                Role::StreamOptions if self.stream => {
                    usage_included = true;
                    self.write_stream_options(&mut out, &self.body[field.value_start..field.written.end]);
                }
                _ => {
                    out.push(b',');
                    out.extend_from_slice(&self.body[field.written.clone()]);
                }
            }
        }
        if !usage_included {
            self.write_stream_options(&mut out, b"null");
        }
        out.push(b'}');
        out.into()
    }

    /// Writes the caller's stream options with `include_usage` set.
    fn write_stream_options(&self, out: &mut Vec<u8>, given: &[u8]) {
        out.extend_from_slice(b",\"stream_options\":{\"include_usage\":true");
        // They were read before; `null` has no fields.
        let given = str::from_utf8(given).ok().filter(|given| given.starts_with('{')).unwrap_or("{}");
        for field in json::fields(given, FIELDS_MAX).unwrap_or_default() {
            if field.key != "include_usage" {
                out.push(b',');
                out.extend_from_slice(field.raw_key.as_bytes());
                out.push(b':');
                out.extend_from_slice(field.value.as_bytes());
            }
        }
        out.push(b'}');
    }
}

/// A request while its fields are read.
#[derive(Default)]
struct Draft {
    kept: Vec<Kept>,
    model: Option<String>,
    provider: Option<String>,
    session_id: Option<String>,
    stream: bool,
    usage_asked: bool,
    output_tokens: Option<u64>,
    n: Option<u32>,
    has_messages: bool,
    has_input: bool,
    prompt: Prompt,
}

impl Draft {
    fn read(&mut self, body: &str, field: &Field<'_>) -> Result<(), RequestError> {
        let value = field.value;
        let mut role = Role::Plain;
        match field.key.as_ref() {
            "model" => self.model = Some(parameters::model(value)?),
            "provider" => self.provider = Some(parameters::provider(value)?),
            "session_id" => self.session_id = session::session_id(value)?,
            "messages" => {
                self.has_messages = true;
                self.prompt.read_messages(value)?;
            }
            key @ ("max_tokens" | "max_completion_tokens") => {
                let limit = parameters::output_limit(key, value)?;
                if self.output_tokens.replace(limit).is_some() {
                    let message = "give either 'max_tokens' or 'max_completion_tokens', not both";
                    return Err(RequestError::new("invalid_value", key, message));
                }
                role = Role::OutputLimit;
            }
            "n" => self.n = Some(parameters::choices(value)?),
            "top_logprobs" => {
                parameters::top_logprobs(value)?;
            }
            "stream" => self.stream = parameters::boolean("stream", value)?,
            "stream_options" => {
                self.usage_asked = parameters::usage_asked(value)?;
                role = Role::StreamOptions;
            }
            key @ ("tools" | "functions") => self.prompt.read_tools(key, value)?,
            "input" => self.has_input = true,
            key => parameters::refuse_unpriced(key, value)?,
        }
        if matches!(field.key.as_ref(), "model" | "provider" | "session_id") {
            return Ok(());
        }
        let written_value = json::range_in(body, value);
        let start = json::range_in(body, field.raw_key).start;
        self.prompt.add_field(&field.key, written_value.end - start);
        self.kept.push(Kept { role, written: start..written_value.end, value_start: written_value.start });
        Ok(())
    }

    fn finish(self, body: Bytes) -> Result<ChatRequest, RequestError> {
        let model = self.model.ok_or_else(|| RequestError::missing("model"))?;
        if !self.has_messages {
            if !self.has_input {
                return Err(RequestError::missing("messages"));
            }
            let message = "this body has 'input' in place of 'messages', which is the shape of /v1/responses: \
                           send it there, or send 'messages' here";
            return Err(RequestError::new("missing_required_parameter", "messages", message));
        }
        Ok(ChatRequest {
            body,
            kept: self.kept,
            model,
            provider: self.provider,
            session_id: self.session_id,
            stream: self.stream,
            usage_asked: self.stream && self.usage_asked,
            output_tokens: self.output_tokens,
            n: self.n.unwrap_or(1),
            input_tokens: self.prompt.input_tokens(),
            prompt_tokens_estimate: self.prompt.tokens_estimate(),
        })
    }
}

/// The body of a request as text, and its fields in their order, duplicates included.
///
/// # Errors
/// It is no JSON object, or one beyond the limits.
pub(crate) fn fields_of_body(body: &[u8]) -> Result<(&str, Vec<Field<'_>>), RequestError> {
    let text = str::from_utf8(body)
        .map_err(|_| RequestError::body("invalid_json", "the body is not valid UTF-8"))?;
    if json::is_deeper_than(body, DEPTH_MAX) {
        let message = format!("the body nests deeper than {DEPTH_MAX} levels");
        return Err(RequestError::body("body_too_deep", message));
    }
    let fields = json::fields(text, FIELDS_MAX).map_err(|error| body_error(&error))?;
    Ok((text, fields))
}

fn body_error(error: &Unreadable) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::body("too_many_fields", format!("the body has more than {FIELDS_MAX} fields"))
        }
        Unreadable::Json(error) if error.is_data() => {
            RequestError::body("invalid_json", "the body must be one JSON object")
        }
        Unreadable::Json(error) => {
            RequestError::body("invalid_json", format!("the body is not JSON: {error}"))
        }
    }
}
