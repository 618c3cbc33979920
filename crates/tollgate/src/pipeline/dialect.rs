//! The API that a client speaks.

/// A dialect. How a call is limited, sent, charged and told apart does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/responses`.
    Responses,
    /// `/v1/messages`.
    Messages,
    /// `/v1/completions`.
    Completions,
    /// `/v1/embeddings`.
    Embeddings,
}

impl Dialect {
    /// Its word on receipts: one of [`domain::receipt::DIALECTS`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Chat => "chat",
            Dialect::Responses => "responses",
            Dialect::Messages => "messages",
            Dialect::Completions => "completions",
            Dialect::Embeddings => "embeddings",
        }
    }
}
