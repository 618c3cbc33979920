//! The pieces of a conversation.

use crate::json;

/// One piece of a conversation, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// What somebody says.
    Message {
        /// Who.
        role: Role,
        /// What, in order.
        parts: Vec<Part>,
        /// What they are called, where several have the same role. Chat alone has names.
        name: Option<ParticipantName>,
    },
    /// What the model thought before it went on.
    Reasoning {
        /// The thought.
        text: String,
    },
    /// The model calls a tool.
    Call {
        /// Links the call with its output, which stands before another call with the same id. Never empty.
        call_id: String,
        /// The tool.
        name: String,
        /// Of a function: a JSON object as text, as the model wrote it. Of a custom tool: the free text.
        arguments: String,
        /// Which kind of tool the client knows it as.
        kind: ToolKind,
    },
    /// What a tool gave back.
    Output {
        /// The call that it answers.
        call_id: String,
        /// What, in order.
        parts: Vec<Part>,
        /// Which kind of tool the client knows it as.
        kind: ToolKind,
        /// Whether the client says that the tool failed.
        failed: bool,
    },
}

/// What a participant of a conversation is called, in 1 to 256 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantName(String);

/// The longest name of a participant, in bytes: the 64 characters that OpenAI takes, at four bytes each.
const PARTICIPANT_NAME_BYTES_MAX: usize = 256;

impl ParticipantName {
    /// The name in a field of JSON, as a client or the store has it. What is empty, longer or no text is none.
    #[must_use]
    pub(crate) fn read(raw: &str) -> Option<ParticipantName> {
        let name = json::string(raw)?;
        (1..=PARTICIPANT_NAME_BYTES_MAX).contains(&name.len()).then(|| ParticipantName(name.into_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator of the model.
    System,
    /// The developer of the application. Upstreams that do not know the role are told `system`.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// A part of a message or of a tool's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// The model's refusal, in its words.
    Refusal(String),
    /// An image.
    Image {
        /// A URL: `https:` or `data:`.
        url: String,
        /// `auto`, `low` or `high`, where the client said.
        detail: Option<String>,
    },
    /// A part of a chat message that has no other form here (audio, a file), as its JSON.
    Other(String),
}

/// Which kind of tool the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// A function with a JSON schema.
    Function,
    /// A tool that takes free text. Upstreams are told a function with one string, `input`.
    Custom,
}

impl Item {
    /// What somebody without a name says.
    #[must_use]
    pub fn message(role: Role, parts: Vec<Part>) -> Item {
        Item::Message { role, parts, name: None }
    }

    /// The text of a message, a thought, the arguments of a call: what a stream adds to piece by piece.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Item::Message { parts, .. } | Item::Output { parts, .. } => match parts.first() {
                Some(Part::Text(text) | Part::Refusal(text)) => text,
                _ => "",
            },
            Item::Reasoning { text } => text,
            Item::Call { arguments, .. } => arguments,
        }
    }
}
