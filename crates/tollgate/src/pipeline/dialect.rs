//! The API that a client speaks.

/// A dialect. What is sent upstream does not depend on it, nor how a call is limited, charged and told apart.
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
}

impl Dialect {
    /// Its word on receipts: one of [`crate::ledger::DIALECTS`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Chat => "chat",
            Dialect::Responses => "responses",
            Dialect::Messages => "messages",
            Dialect::Completions => "completions",
        }
    }
}
