//! The fields of embeddings, for the description. The code reads and writes them in `wire::embeddings`.

use serde_json::Value;
use utoipa::ToSchema;

/// A request for embeddings in OpenAI's shape. Fields that are not listed pass to the provider.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::embeddings` reads")]
#[schema(example = json!({"model": "BAAI/bge-m3", "input": ["A cat.", "A dog."]}))]
pub(super) struct EmbeddingsBody {
    /// A model that makes embeddings: its `output_modalities` say so.
    #[schema(min_length = 1, max_length = 256)]
    model: String,
    /// A text or up to 2,048 of them. Where the provider has OpenAI's shape, also an array of tokens or an array of
    /// such arrays.
    input: Value,
    /// `float`, which is the default, or `base64`: 32-bit floats, the low byte first.
    encoding_format: Option<String>,
    /// The numbers of a vector, where the model can choose.
    #[schema(minimum = 1, maximum = 1048576)]
    dimensions: Option<u64>,
    /// Your name for your user.
    user: Option<String>,
    /// The provider to use, by its name at the gateway.
    #[schema(max_length = 64)]
    provider: Option<String>,
}

/// A list of vectors.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::embeddings` writes")]
pub(super) struct EmbeddingsAnswer {
    /// Always `list`.
    object: String,
    /// The model.
    model: String,
    /// The vectors, in the order of the texts.
    data: Vec<Embedding>,
    /// `prompt_tokens`, `total_tokens` and the `cost` in US dollars. `cost_details.usage_source` says whether the
    /// provider counted the tokens or they were estimated.
    usage: Value,
}

/// One vector.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `wire::embeddings` writes")]
pub(super) struct Embedding {
    /// Always `embedding`.
    object: String,
    /// Which text it is of.
    index: u64,
    /// Its numbers, or their base64.
    embedding: Value,
}
