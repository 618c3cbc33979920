//! A chat request: what the gateway must know of it, and the body that is sent in its place.
//!
//! The body is parsed once, and what is priced is what is sent. Fields that the gateway reads are checked and appear
//! once; all others pass byte for byte.

use bytes::Bytes;
use domain::CallBound;

use super::prompt::Prompt;
use crate::body::fields_of_body;
use crate::forward::{Forward, Kept, Original, Role};
use crate::json::Field;
use crate::parameters;
use crate::request_error::RequestError;
use crate::session;
use crate::target::Target;

/// A checked chat request.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    original: Original,
    target: Target,
    stream: bool,
    usage_asked: bool,
    output_tokens: Option<u64>,
    n: u32,
    input_tokens: u64,
    prompt_tokens_estimate: u64,
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
        self.original.body()
    }

    /// Where it is to go.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
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

    /// The body to send.
    #[must_use]
    pub fn forward(&self, to: &Forward<'_>) -> Bytes {
        self.original.forward(to, self.stream)
    }
}

/// A request while its fields are read.
#[derive(Default)]
struct Draft {
    kept: Vec<Kept<Role>>,
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
            }
            "n" => self.n = Some(parameters::choices(value)?),
            "top_logprobs" => {
                parameters::top_logprobs(value)?;
            }
            "stream" => self.stream = parameters::boolean("stream", value)?,
            "stream_options" => self.usage_asked = parameters::usage_asked(value)?,
            key @ ("tools" | "functions") => self.prompt.read_tools(key, value)?,
            "input" => self.has_input = true,
            key => parameters::refuse_unpriced(key, value)?,
        }
        if let Some(kept) = Kept::of(body, field) {
            self.prompt.add_field(&field.key, kept.written_bytes());
            self.kept.push(kept);
        }
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
            original: Original::new(body, self.kept),
            target: Target { model, provider: self.provider, session_id: self.session_id },
            stream: self.stream,
            usage_asked: self.stream && self.usage_asked,
            output_tokens: self.output_tokens,
            n: self.n.unwrap_or(1),
            input_tokens: self.prompt.input_tokens(),
            prompt_tokens_estimate: self.prompt.tokens_estimate(),
        })
    }
}
