//! Where in a stream an item's text stands, and what its events are called.

use super::content;
use super::object_writer::ObjectWriter;
use crate::pivot::{Item, Part, ToolKind};

/// The place of an item's text.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) shape: Shape,
    pub(super) item_id: String,
    /// The item's place in the output.
    pub(super) index: usize,
}

/// What an item's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text part of a message.
    Text,
    /// A refusal part of a message.
    Refusal,
    /// A content part of reasoning.
    Thoughts,
    /// A summary part of reasoning.
    Summary,
    /// The arguments of a function.
    Arguments,
    /// The input of a custom tool.
    Input,
}

/// What the events of a text are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventNames {
    pub(super) delta: &'static str,
    pub(super) done: &'static str,
    /// The key of the whole text in the last event.
    pub(super) whole: &'static str,
}

/// Whether a part begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Added,
    Done,
}

impl Shape {
    /// The shape of an item of an answer, where reasoning may be told as a summary.
    pub(super) fn of(item: &Item, summary: bool) -> Shape {
        match item {
            Item::Message { parts, .. } | Item::Output { parts, .. } => match parts.first() {
                Some(Part::Refusal(_)) => Shape::Refusal,
                _ => Shape::Text,
            },
            Item::Reasoning { .. } if summary => Shape::Summary,
            Item::Reasoning { .. } => Shape::Thoughts,
            Item::Call { kind: ToolKind::Function, .. } => Shape::Arguments,
            Item::Call { kind: ToolKind::Custom, .. } => Shape::Input,
        }
    }

    pub(super) fn names(self) -> EventNames {
        let (delta, done, whole) = match self {
            Shape::Text => ("response.output_text.delta", "response.output_text.done", "text"),
            Shape::Refusal => ("response.refusal.delta", "response.refusal.done", "refusal"),
            Shape::Thoughts => ("response.reasoning_text.delta", "response.reasoning_text.done", "text"),
            Shape::Summary => {
                ("response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "text")
            }
            Shape::Arguments => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "arguments",
            ),
            Shape::Input => {
                ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input")
            }
        };
        EventNames { delta, done, whole }
    }
}

impl Place {
    /// Adds to an event where it belongs.
    pub(super) fn fill(&self, event: ObjectWriter) -> ObjectWriter {
        let event = event.text("item_id", &self.item_id).plain("output_index", self.index);
        match self.shape {
            Shape::Text | Shape::Refusal | Shape::Thoughts => event.raw("content_index", "0"),
            Shape::Summary => event.raw("summary_index", "0"),
            Shape::Arguments | Shape::Input => event,
        }
    }

    /// The event that begins or ends the part of an item, and the part; `None` where items of the kind have no parts.
    pub(super) fn part(&self, text: &str, edge: Edge) -> Option<(&'static str, String)> {
        let part = match self.shape {
            Shape::Text => content::output_text(text),
            Shape::Refusal => content::refusal(text),
            Shape::Thoughts => content::text("reasoning_text", text),
            Shape::Summary => content::text("summary_text", text),
            Shape::Arguments | Shape::Input => return None,
        };
        let kind = match (self.shape == Shape::Summary, edge) {
            (false, Edge::Added) => "response.content_part.added",
            (false, Edge::Done) => "response.content_part.done",
            (true, Edge::Added) => "response.reasoning_summary_part.added",
            (true, Edge::Done) => "response.reasoning_summary_part.done",
        };
        Some((kind, part))
    }
}
