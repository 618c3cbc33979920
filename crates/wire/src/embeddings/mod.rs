//! Embeddings: texts go in, one vector for each comes out.

mod reply;
mod request;
mod vector;

pub use reply::EmbeddingsReply;
pub use request::EmbeddingsRequest;

/// How a server takes texts and gives vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenAI's: a request that names its model, and a list with the usage.
    OpenAi,
    /// Hugging Face's task `feature-extraction`: texts alone, and bare vectors.
    Task,
}
