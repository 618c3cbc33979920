//! A chat request as its model's template sees it.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value};
use serde::{Deserialize, Serialize};

use super::python::tojson;

/// The messages and tools of a request.
#[derive(Debug, Deserialize)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    #[serde(default, alias = "functions")]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    reasoning_effort: Option<Value>,
    #[serde(default)]
    chat_template_kwargs: Option<BTreeMap<String, Value>>,
}

/// How a template takes the content of messages: as one text, or as a list of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// As one text, without its images.
    Text,
    /// As a list of `{"type":"text","text":…}` and `{"type":"image"}`.
    Parts,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Written>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
    /// The role, the reasoning, and what else it has.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Typed(TypedPart),
}

/// What is read of a part. The payload of an image is passed over.
#[derive(Debug, Deserialize)]
struct TypedPart {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ToolCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function: Option<Function>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Function {
    #[serde(default)]
    arguments: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Content {
    /// Templates that take parts alone say nothing of texts. Those that take both get texts: it is what they are
    /// tested with most.
    pub(super) fn expected_by(templates: &[(String, String)]) -> Content {
        let has = |text: &str| templates.iter().any(|(_, template)| template.contains(text));
        let of_parts = has("['type']") || has("[\"type\"]") || has(".type ==");
        if of_parts && !has("is string") && !has("is not string") { Content::Parts } else { Content::Text }
    }
}

impl Conversation {
    /// The conversation in a body of `/v1/chat/completions` that was checked before. `None` when it has something that
    /// no tokenizer counts, such as audio.
    pub(super) fn read(body: &[u8]) -> Option<Conversation> {
        let mut conversation: Conversation = serde_json::from_slice(body).ok()?;
        for message in &mut conversation.messages {
            if !message.parts().iter().all(Part::is_countable) {
                return None;
            }
            message.tool_calls.iter_mut().flatten().for_each(ToolCall::open_arguments);
        }
        Some(conversation)
    }

    /// How many images it has.
    pub(super) fn images(&self) -> u64 {
        let images =
            self.messages.iter().map(|message| message.parts().iter().filter(|part| part.is_image()).count());
        images.sum::<usize>() as u64
    }

    /// How many messages and tools it has.
    pub(super) fn lengths(&self) -> (u64, u64) {
        (self.messages.len() as u64, self.tools.as_ref().map_or(0, Vec::len) as u64)
    }

    /// The messages for a template.
    pub(super) fn messages(&self, content: Content) -> Value {
        self.messages.iter().map(|message| message.value(content)).collect()
    }

    /// The tools, or none.
    pub(super) fn tools(&self) -> Value {
        match &self.tools {
            Some(tools) if !tools.is_empty() => Value::from(tools.clone()),
            _ => Value::from(()),
        }
    }

    /// What else a template is told.
    pub(super) fn settings(&self) -> BTreeMap<String, Value> {
        let mut settings = self.chat_template_kwargs.clone().unwrap_or_default();
        if let Some(effort) = &self.reasoning_effort {
            settings.insert("reasoning_effort".to_owned(), effort.clone());
        }
        settings
    }

    /// All its text, one piece per line, for a model without a template.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut add = |piece: &str| {
            text.push_str(piece);
            text.push('\n');
        };
        for message in &self.messages {
            add(&message.text());
            message.rest.values().filter_map(Value::as_str).for_each(&mut add);
            if let Some(calls) = &message.tool_calls {
                add(&json(&Value::from(Serde(calls))));
            }
        }
        self.tools.iter().flatten().for_each(|tool| add(&json(tool)));
        text
    }
}

impl Message {
    fn parts(&self) -> &[Part] {
        match &self.content {
            Some(Written::Parts(parts)) => parts,
            _ => &[],
        }
    }

    /// Its content as one text.
    fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Written::Text(text)) => text.clone(),
            Some(Written::Parts(parts)) => {
                let texts: Vec<&str> = parts.iter().filter(|part| !part.is_image()).map(Part::text).collect();
                texts.join("\n")
            }
        }
    }

    fn value(&self, content: Content) -> Value {
        let mut fields = self.rest.clone();
        let content = match (&self.content, content) {
            (None, _) => Value::from(()),
            (Some(_), Content::Text) => Value::from(self.text()),
            (Some(Written::Text(text)), Content::Parts) => [text_part(text)].into_iter().collect(),
            (Some(Written::Parts(parts)), Content::Parts) => parts.iter().map(Part::value).collect(),
        };
        fields.insert("content".to_owned(), content);
        if let Some(calls) = &self.tool_calls {
            fields.insert("tool_calls".to_owned(), Value::from(Serde(calls)));
        }
        Value::from(fields)
    }
}

impl Part {
    fn is_image(&self) -> bool {
        matches!(self, Part::Typed(part) if matches!(part.kind.as_str(), "image_url" | "input_image" | "image"))
    }

    fn is_countable(&self) -> bool {
        const TEXTS: [&str; 6] =
            ["text", "input_text", "output_text", "refusal", "reasoning_text", "thinking"];
        match self {
            Part::Text(_) => true,
            Part::Typed(part) => self.is_image() || TEXTS.contains(&part.kind.as_str()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Part::Text(text) => text,
            Part::Typed(part) => {
                let text = part.text.as_ref().or(part.refusal.as_ref()).or(part.thinking.as_ref());
                text.map_or("", String::as_str)
            }
        }
    }

    fn value(&self) -> Value {
        if self.is_image() {
            return Value::from_pairs([("type", "image")]);
        }
        text_part(self.text())
    }
}

impl ToolCall {
    /// Templates take the arguments of a call as an object; on the wire they are its text.
    fn open_arguments(&mut self) {
        let Some(function) = &mut self.function else { return };
        let Some(text) = function.arguments.as_str() else { return };
        if let Ok(arguments) = serde_json::from_str::<BTreeMap<String, serde::de::IgnoredAny>>(text)
            .and_then(|_| serde_json::from_str::<Value>(text))
        {
            function.arguments = arguments;
        }
    }
}

fn text_part(text: &str) -> Value {
    Value::from_pairs([("type", "text"), ("text", text)])
}

/// What cannot be written has no text.
fn json(value: &Value) -> String {
    let json = tojson(value, &std::iter::empty::<(&str, Value)>().collect());
    json.map(|json| json.to_string()).unwrap_or_default()
}
