//! What a client asks for, in no dialect.

use std::sync::Arc;

use super::item::{Item, ToolKind};
use crate::target::Target;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Where it is to go.
    pub target: Target,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// What the model is told before the conversation, for this call alone: it is not part of the history.
    pub instructions: Option<String>,
    /// What is new in the conversation.
    pub input: Vec<Item>,
    /// How the answer is to be made.
    pub settings: Settings,
}

/// How an answer is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The output limit, in tokens.
    pub output_tokens: Option<u64>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it must or may call; `None` where the client did not say.
    pub choice: Option<Choice>,
    /// Whether it may call several at once, where the client said.
    pub parallel_calls: Option<bool>,
    /// The form of the answer; `None` for plain text.
    pub format: Option<Format>,
    /// How much to think: `minimal`, `low`, `medium`, `high` or another word of the provider.
    pub effort: Option<String>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// Fields of a chat request that are sent as they are: name and JSON. No name stands twice, and none is one that the
    /// values above are told by.
    pub passing: Vec<(String, String)>,
}

impl Settings {
    /// The tools that the model may call.
    #[must_use]
    pub fn callable(&self) -> Arc<[Callable]> {
        let may = |tool: &&Tool| match &self.choice {
            Some(Choice::None) => false,
            Some(Choice::Named(name)) => tool.name == *name,
            None | Some(Choice::Auto | Choice::Required) => true,
        };
        self.tools.iter().filter(may).map(Callable::of).collect()
    }
}

/// What is kept of a tool while its calls are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callable {
    /// Its name.
    pub name: String,
    /// The JSON schema of its arguments, as JSON; `None` where there is none. It is only read for a call whose arguments are
    /// not JSON.
    pub parameters: Option<String>,
    /// Which kind the client knows it as.
    pub kind: ToolKind,
}

impl Callable {
    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.name.len() + self.parameters.as_ref().map_or(0, String::len)
    }

    fn of(tool: &Tool) -> Callable {
        Callable { name: tool.name.clone(), parameters: tool.parameters.clone(), kind: tool.kind }
    }
}

/// A tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The JSON schema of its arguments, as JSON; `None` where the client gave none, and for custom tools.
    pub parameters: Option<String>,
    /// Whether arguments must keep to the schema, where the client said.
    pub strict: Option<bool>,
    /// Which kind the client knows it as.
    pub kind: ToolKind,
}

/// Which tools a model must or may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// The one of that name.
    Named(String),
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema, as JSON.
        schema: String,
        /// Whether the answer must keep to it, where the client said.
        strict: Option<bool>,
    },
}
