//! The fields of a chat call that the gateway reads or writes, for the description. The code reads them in
//! `wire::chat`, in one pass over the bytes, and passes all others through.

use serde_json::Value;
use utoipa::ToSchema;

/// A chat request in OpenAI's shape. Other fields are passed through to the provider.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::chat` reads")]
#[schema(example = json!({
    "model": "openai/gpt-oss-120b",
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 64,
}))]
pub(super) struct ChatBody {
    /// A model of `GET /v1/models`, where a suffix such as `:cheapest` chooses among its offers.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// The conversation so far.
    #[schema(min_items = 1)]
    messages: Vec<ChatMessage>,
    /// The provider to use, by its name at the gateway.
    #[schema(max_length = 64)]
    provider: Option<String>,
    /// Whether to stream the answer.
    stream: Option<bool>,
    /// What a stream has besides the answer.
    stream_options: Option<StreamOptions>,
    /// The most tokens per choice. Without it the gateway sets a limit that the credit covers, and names it in the
    /// header `x-tollgate-max-tokens`.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_tokens: Option<u64>,
    /// The same, by its newer name. Give one of both.
    #[schema(minimum = 1, maximum = 2147483647)]
    max_completion_tokens: Option<u64>,
    /// How many answers to give.
    #[schema(minimum = 1, maximum = 128)]
    n: Option<u32>,
    /// Tools that the model may call.
    tools: Option<Vec<Value>>,
}

/// A message of a conversation. Other fields are passed through.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::chat` reads")]
pub(super) struct ChatMessage {
    /// Who speaks.
    #[schema(examples("user"))]
    role: String,
    /// A text, or parts such as texts and images.
    content: Option<Value>,
    /// What the participant is called. A session keeps it where it has 256 bytes at most.
    name: Option<String>,
}

/// What a stream has besides the answer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::chat` reads")]
pub(super) struct StreamOptions {
    /// Whether the last event has the usage.
    include_usage: Option<bool>,
}

/// A chat answer in OpenAI's shape. Other fields are the provider's.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::chat` relays")]
pub(super) struct ChatAnswer {
    /// The provider's id of the answer.
    id: Option<String>,
    /// The model that answered.
    model: Option<String>,
    /// The answers.
    choices: Vec<Value>,
    /// The tokens, as the provider counts them.
    usage: Option<Value>,
}

/// An event of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what the pipeline streams")]
pub(super) struct ChatEvent {
    /// The JSON of a chunk in OpenAI's shape, or of an error; `[DONE]` at the end of a whole answer.
    data: String,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use utoipa::PartialSchema;
    use wire::chat::ChatRequest;

    use super::ChatBody;

    #[test]
    fn the_example_is_a_request() {
        let schema = serde_json::to_value(ChatBody::schema()).unwrap();
        let request = ChatRequest::parse(Bytes::from(schema["example"].to_string())).unwrap();
        assert_eq!(request.target().model, "openai/gpt-oss-120b");
    }
}
