//! The fields of a message, for the description. The code reads them in `wire::messages`.

use serde_json::Value;
use utoipa::ToSchema;

/// A request in Anthropic's shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` reads")]
#[schema(example = json!({
    "model": "openai/gpt-oss-120b",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hello"}],
}))]
pub(super) struct MessageBody {
    /// A model of `GET /v1/models`.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// The most tokens of the answer.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_tokens: u64,
    /// The conversation so far.
    #[schema(min_items = 1)]
    messages: Vec<Value>,
    /// What the model is told first: a text, or blocks of text.
    system: Option<Value>,
    /// Tools that the model may call.
    tools: Option<Vec<Value>>,
    /// Whether to stream the answer.
    stream: Option<bool>,
    /// The name of a conversation that is kept: visible ASCII characters, which may have spaces between them.
    #[schema(min_length = 1, max_length = 128)]
    session_id: Option<String>,
}

/// A request in Anthropic's shape whose prompt is counted. Other fields are those of a message.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` reads")]
#[schema(example = json!({"model": "openai/gpt-oss-120b", "messages": [{"role": "user", "content": "Hello"}]}))]
pub(super) struct CountBody {
    /// A model of `GET /v1/models`.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// The conversation so far.
    #[schema(min_items = 1)]
    messages: Vec<Value>,
    /// What the model is told first: a text, or blocks of text.
    system: Option<Value>,
    /// Tools that the model may call.
    tools: Option<Vec<Value>>,
}

/// A message in Anthropic's shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` writes")]
pub(super) struct MessageAnswer {
    /// Its id.
    id: String,
    /// Always `message`.
    r#type: String,
    /// Always `assistant`.
    role: String,
    /// The blocks of the answer.
    content: Vec<Value>,
    /// Why it ended.
    stop_reason: Option<String>,
    /// The tokens, and the cost.
    usage: Value,
}

/// An event of a streamed message.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` writes")]
pub(super) struct MessageEvent {
    /// The type of the event.
    event: String,
    /// Its JSON.
    data: String,
}

/// An error in Anthropic's shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` writes")]
pub(super) struct MessageError {
    /// Always `error`.
    r#type: String,
    error: MessageErrorObject,
    /// The call, as in the header `request-id`.
    request_id: String,
}

/// What went wrong, in Anthropic's words.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::messages` writes")]
pub(super) struct MessageErrorObject {
    /// The class of the error, which follows from the status: `invalid_request_error`.
    r#type: String,
    /// What went wrong and what to do, in a sentence.
    message: String,
}
