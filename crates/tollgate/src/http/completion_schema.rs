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
    /// The text to go on from. Where the provider completes texts also an array of texts, of tokens, or of such arrays.
    prompt: Value,
    /// The text that is to follow, where the provider completes texts.
    suffix: Option<String>,
    /// Whether the answer begins with its prompt, where the provider completes texts.
    echo: Option<bool>,
    /// Of how many tokens the probabilities are told, where the provider completes texts.
    #[schema(minimum = 0, maximum = 20)]
    logprobs: Option<u64>,
    /// Completions of each prompt, where the provider completes texts: at most 128 of all prompts.
    #[schema(minimum = 1, maximum = 128)]
    n: Option<u32>,
    /// The provider to use, by its name at the gateway.
    #[schema(max_length = 64)]
    provider: Option<String>,
    /// Whether to stream the answer.
    stream: Option<bool>,
    /// The most tokens of each completion; 16 when not set. 0 is for who only wants the prompt back.
    #[schema(minimum = 0, maximum = 2147483647)]
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
