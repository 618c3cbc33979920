//! The fields of a response, for the description. The code reads them in `wire::responses`.

use serde_json::Value;
use utoipa::ToSchema;

/// A request in the shape of OpenAI's Responses.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::responses` reads")]
#[schema(example = json!({"model": "openai/gpt-oss-120b", "input": "Hello"}))]
pub(in crate::http) struct ResponseBody {
    /// A model of `GET /v1/models`.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// A text, or the items that are new in the conversation.
    input: Value,
    /// What the model is told first, in this call alone.
    instructions: Option<String>,
    /// The stored response to go on from.
    previous_response_id: Option<String>,
    /// The conversation to go on in: its id, or an object with it.
    conversation: Option<Value>,
    /// Your own name of a conversation to go on in, which is made when it is not there: visible ASCII characters, which
    /// may have spaces between them.
    #[schema(min_length = 1, max_length = 128)]
    session_id: Option<String>,
    /// Whether the response is stored. It is, unless this is false.
    store: Option<bool>,
    /// Whether to answer at once, and to run without a client.
    background: Option<bool>,
    /// `auto` drops the beginning of a history that does not fit; `disabled`, the default, refuses it.
    truncation: Option<String>,
    /// Whether to stream the answer.
    stream: Option<bool>,
    /// The most tokens of the answer, reasoning included.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_output_tokens: Option<u64>,
    /// Functions and custom tools that the model may call.
    tools: Option<Vec<Value>>,
    /// The form of the answer.
    text: Option<Value>,
    /// How much to think.
    reasoning: Option<Value>,
    /// Up to 16 pairs of texts, which are kept with the response.
    metadata: Option<Value>,
}

/// A response.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::responses` writes")]
pub(in crate::http) struct ResponseAnswer {
    /// Its id.
    id: String,
    /// Always `response`.
    object: String,
    /// `completed`, `incomplete`, `failed`, `queued`, `in_progress` or `cancelled`.
    status: String,
    /// The items of the answer.
    output: Vec<Value>,
    /// The tokens, and the cost.
    usage: Option<Value>,
}

/// An event of a streamed response.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::responses` writes")]
pub(in crate::http) struct ResponseEvent {
    /// The type of the event.
    event: String,
    /// Its JSON.
    data: String,
}
