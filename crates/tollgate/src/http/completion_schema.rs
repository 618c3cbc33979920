//! The fields of a legacy completion, for the description. The code reads them in `wire::completions`.

use serde_json::Value;
use utoipa::ToSchema;

/// A completion request in OpenAI's older shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::completions` reads")]
#[schema(example = json!({"model": "openai/gpt-oss-120b", "prompt": "Once upon a time", "max_tokens": 64}))]
pub(super) struct CompletionBody {
    /// A model of `GET /v1/models`.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// The text to go on from, or an array of one.
    prompt: Value,
    /// The provider to use, by its name at the gateway.
    #[schema(max_length = 64)]
    provider: Option<String>,
    /// Whether to stream the answer.
    stream: Option<bool>,
    /// The most tokens.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_tokens: Option<u64>,
    /// The name of a conversation that is kept: visible ASCII characters, which may have spaces between them.
    #[schema(min_length = 1, max_length = 128)]
    session_id: Option<String>,
}

/// A completion in OpenAI's older shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::completions` writes")]
pub(super) struct CompletionAnswer {
    /// Its id.
    id: String,
    /// Always `text_completion`.
    object: String,
    /// The text.
    choices: Vec<Value>,
    /// The tokens, and the cost.
    usage: Option<Value>,
}

/// An event of a streamed completion.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::completions` writes")]
pub(super) struct CompletionEvent {
    /// The JSON of a chunk, or of an error; `[DONE]` at the end of a whole answer.
    data: String,
}
