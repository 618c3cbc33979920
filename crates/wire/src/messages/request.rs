//! The body of `POST /v1/messages` and of `/v1/messages/count_tokens`.

use super::{conversation, settings, tools};
use crate::object::Object;
use crate::passing::{self, Door, passing};
use crate::pivot::{Request, Settings};
use crate::request_error::RequestError;
use crate::target::Target;

/// Characters of `metadata.user_id`. Coding agents put about 200 into it.
const USER_ID_CHARS_MAX: usize = 512;

const HERE: Door = Door {
    route: "/v1/messages",
    instead: &[
        ("instructions", "system"),
        ("max_completion_tokens", "max_tokens"),
        ("max_output_tokens", "max_tokens"),
        ("reasoning", "thinking"),
        ("reasoning_effort", "thinking"),
        ("response_format", "output_config"),
        ("stop", "stop_sequences"),
    ],
};

/// Fields that are read here or in the files beside.
const READ: [&str; 20] = [
    "container",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "provider",
    "session_id",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Fields that say something to Anthropic's own service alone: they are taken, so that its clients work, and left out.
const LEFT_OUT: [&str; 8] = [
    "anthropic_beta",
    "anthropic_version",
    "betas",
    "cache_control",
    "context_management",
    "diagnostics",
    "service_tier",
    "speed",
];

/// A request in Anthropic's Messages dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessagesRequest {
    /// What is asked for.
    pub ask: Request,
    /// Who the client says the answer is for: `metadata.user_id`. It is not sent on.
    pub user_id: Option<String>,
}

impl MessagesRequest {
    /// Reads the body of `POST /v1/messages`, where `max_tokens` must be.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(body: &[u8]) -> Result<MessagesRequest, RequestError> {
        let request = MessagesRequest::parse_count(body)?;
        if request.ask.settings.output_tokens.is_none() {
            return Err(RequestError::missing("max_tokens"));
        }
        Ok(request)
    }

    /// Reads the body of `POST /v1/messages/count_tokens`, which is the same but for `max_tokens`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse_count(body: &[u8]) -> Result<MessagesRequest, RequestError> {
        let body = Object::body(body)?;
        let user_id = match body.object("metadata")? {
            Some(metadata) => metadata.name("user_id", USER_ID_CHARS_MAX)?,
            None => None,
        };
        let ask = Request {
            target: Target::read(&body)?,
            stream: body.boolean("stream")?.unwrap_or(false),
            instructions: conversation::instructions(&body)?,
            input: conversation::items(&body)?,
            settings: settings_of(&body)?,
        };
        Ok(MessagesRequest { ask, user_id })
    }
}

fn settings_of(body: &Object<'_>) -> Result<Settings, RequestError> {
    let tools = tools::tools(body)?;
    let (choice, parallel_calls) = tools::choice(body, &tools)?;
    settings::refuse_hosted(body)?;
    Ok(Settings {
        output_tokens: passing::output_limit(body, "max_tokens")?,
        tools,
        choice,
        parallel_calls,
        format: settings::format(body)?,
        effort: settings::effort(body)?,
        stop: passing::stop(body, "stop_sequences")?,
        passing: passed(body)?,
    })
}

/// What a chat request has under the same name, and what the upstream may know.
fn passed(body: &Object<'_>) -> Result<Vec<(String, String)>, RequestError> {
    let mut fields = Vec::new();
    for key in ["temperature", "top_p", "top_k"] {
        fields.extend(passing::number(body, key)?);
    }
    for field in body.fields() {
        let key = field.key.as_ref();
        if !READ.contains(&key) && !LEFT_OUT.contains(&key) {
            fields.extend(passing(field, &HERE)?);
        }
    }
    Ok(fields)
}
