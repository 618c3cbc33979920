//! What an upstream's answer adds, piece by piece.

use super::item::ToolKind;

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// More of the reasoning.
    Reasoning(String),
    /// More of the text.
    Text(String),
    /// More of a refusal.
    Refusal(String),
    /// A tool call begins. The reader repairs ids: they are never empty, and no two calls of an answer share one.
    Call {
        /// Links the call with its output.
        call_id: String,
        /// The tool.
        name: String,
        /// Which kind of tool the client knows it as.
        kind: ToolKind,
    },
    /// More of the arguments of the call that began last; of a custom tool: more of its free text.
    Arguments(String),
}

/// Why an answer ended, as far as the upstream said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done, or met a stop sequence.
    Stop,
    /// The model waits for the outputs of its tool calls.
    ToolCalls,
    /// The output limit or the context was reached.
    Length,
    /// A filter of the provider held back the rest.
    ContentFilter,
    /// The upstream did not say, or said a word that nobody knows. It is never told as a success.
    Unsaid,
}

impl Finish {
    /// Reads a chat `finish_reason`, in the spellings of the field.
    #[must_use]
    pub fn read(reason: Option<&str>) -> Finish {
        match reason.unwrap_or_default() {
            "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" => Finish::Stop,
            "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
            "length" | "max_tokens" | "model_length" => Finish::Length,
            "content_filter" | "safety" => Finish::ContentFilter,
            _ => Finish::Unsaid,
        }
    }
}
