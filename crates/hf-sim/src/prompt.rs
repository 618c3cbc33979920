//! What a request's messages come to: token counts, fingerprints, the last user message, an answer already begun.

use crate::dice::fingerprint;
use crate::request::ChatRequest;

/// Tokens charged per message beyond its text.
const MESSAGE_TOKENS: u64 = 3;
/// Tokens charged per image.
const IMAGE_TOKENS: u64 = 300;
/// Bytes of text per token, rounded up.
const BYTES_PER_TOKEN: u64 = 4;

pub(crate) struct Prompt {
    pub(crate) tokens: u64,
    /// Depends on the seed, the model and all messages, but not on the provider or the way of delivery.
    pub(crate) hash: u64,
    pub(crate) prefixes: Vec<Prefix>,
    /// The text of the last user message.
    pub(crate) question: String,
    pub(crate) last: Last,
}

/// A prompt's beginning, up to and including one message.
pub(crate) struct Prefix {
    pub(crate) hash: u64,
    pub(crate) tokens: u64,
}

/// What the conversation waits for.
pub(crate) enum Last {
    /// An answer to a user.
    Question,
    /// An answer that uses this tool result.
    ToolResult(String),
    /// The continuation of this answer.
    Begun(String),
}

impl Prompt {
    pub(crate) fn read(request: &ChatRequest<'_>, model_id: &str, seed: u64) -> Self {
        let mut hash = fingerprint(seed, model_id.as_bytes());
        let mut tokens = request.tools.map_or(0, |tools| text_tokens(tools.get()));
        let mut prefixes = Vec::with_capacity(request.messages.len());
        for message in &request.messages {
            hash = fingerprint(hash, message.role.as_bytes());
            tokens += MESSAGE_TOKENS + IMAGE_TOKENS * message.images();
            let calls = message.tool_calls.map(|calls| calls.get());
            for text in message.texts().chain(calls) {
                hash = fingerprint(hash, text.as_bytes());
                tokens += text_tokens(text);
            }
            prefixes.push(Prefix { hash, tokens });
        }
        let question = request.messages.iter().rfind(|message| message.role == "user");
        let last = last(request);
        if let Last::Begun(_) = last {
            // A continued answer is the same answer: what is already there must not change it.
            let before = prefixes.len().checked_sub(2).map(|at| prefixes[at].hash);
            hash = before.unwrap_or_else(|| fingerprint(seed, model_id.as_bytes()));
        }
        let question = question.map(|message| message.texts().collect()).unwrap_or_default();
        Self { tokens, hash, prefixes, question, last }
    }
}

fn last(request: &ChatRequest<'_>) -> Last {
    match request.messages.last() {
        Some(message) if message.role == "tool" => Last::ToolResult(message.texts().collect()),
        Some(message) if message.role == "assistant" && message.tool_calls.is_none() => {
            Last::Begun(message.texts().collect())
        }
        _ => Last::Question,
    }
}

pub(crate) fn text_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}
