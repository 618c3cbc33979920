//! Items become chat messages, written in one pass.
//!
//! Chat has one message where a conversation has several items: what the model says and calls in a row is one message,
//! with its texts joined by a line end and told before its calls. Where names are told, who has another name begins
//! another. Refusals are told as text, because few upstreams read the field of chat. A model's message that says nothing
//! is left out.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::de::IgnoredAny;

use super::item::{Item, Part, ParticipantName, Role, ToolKind};
use crate::json;

/// The output of a call that has none: upstreams refuse a conversation that goes on without one.
const NO_OUTPUT: &str = "(no output)";

/// The output of a tool that gave images alone. Outputs are text in chat, so its images follow as a user's message.
const IMAGES_ONLY: &str = "(see the images that follow)";

/// What the output of a failed tool begins with: chat has no field for it.
const FAILED: &str = "Error: ";

/// Writes messages, with commas between them.
pub(super) struct Messages<'i, 'o> {
    out: &'o mut Vec<u8>,
    any: bool,
    /// Whether the names of participants are told.
    names: bool,
    items: Vec<&'i Item>,
    /// Places of calls and outputs, by the id of the call; filled when it is first needed.
    places: Option<HashMap<&'i str, Vec<usize>>>,
    /// Places of outputs that were told before their turn.
    told: HashSet<usize>,
}

/// Parts that cannot stand in a tool's message.
type Rest<'i> = Vec<&'i Part>;

impl<'i, 'o> Messages<'i, 'o> {
    /// Messages of `items`, to be appended to `out`. They have no names.
    pub(super) fn new(out: &'o mut Vec<u8>, items: impl Iterator<Item = &'i Item>) -> Messages<'i, 'o> {
        // Reasoning is the business of the upstream that made it; others refuse it in a history, or bill it as input.
        let items = items.filter(|item| !matches!(item, Item::Reasoning { .. })).collect();
        Messages { out, any: false, names: false, items, places: None, told: HashSet::new() }
    }

    /// The same with the names of participants. Some upstreams refuse any: they are for clients whose dialect has them, who
    /// see why.
    pub(super) fn with_names(self) -> Messages<'i, 'o> {
        Messages { names: true, ..self }
    }

    /// A system message before all others.
    pub(super) fn instructions(&mut self, text: &str) {
        self.open("system");
        json::write_string(self.out, text);
        self.out.push(b'}');
    }

    /// All items. Calls whose outputs come later get them where chat wants them, behind the call; those that have none
    /// get a text that says so, except those that are `answered` by what the caller writes next.
    pub(super) fn write(&mut self, answered: &HashSet<String>) {
        let mut at = 0;
        while let Some(item) = self.items.get(at).copied() {
            match item {
                Item::Message { role: Role::Assistant, .. } | Item::Call { .. } => {
                    at = self.turn(at, answered)
                }
                Item::Output { .. } => at = self.tool_outputs(at, &[], answered),
                Item::Message { role, parts, .. } => {
                    self.open(if *role == Role::User { "user" } else { "system" });
                    self.content(parts.iter());
                    self.participant(self.name(item));
                    self.out.push(b'}');
                    at += 1;
                }
                Item::Reasoning { .. } => at += 1,
            }
        }
    }

    /// What the model says and calls in a row from `start` on, and the outputs. Returns the place behind.
    fn turn(&mut self, start: usize, answered: &HashSet<String>) -> usize {
        let speaker = self.name(self.items[start]);
        let is_model = |item: &&&'i Item| match item {
            Item::Message { role: Role::Assistant, .. } => self.name(item) == speaker,
            item => matches!(item, Item::Call { .. }),
        };
        let run: Vec<&'i Item> = self.items[start..].iter().take_while(is_model).copied().collect();
        let end = start + run.len();
        let parts = run.iter().filter_map(|item| match item {
            Item::Message { parts, .. } => Some(parts),
            _ => None,
        });
        let parts: Vec<&Part> = parts.flatten().collect();
        let calls: Vec<&Item> = run.into_iter().filter(|item| matches!(item, Item::Call { .. })).collect();
        if parts.is_empty() && calls.is_empty() {
            return end;
        }
        self.open("assistant");
        if parts.is_empty() {
            self.out.extend_from_slice(b"null");
        } else {
            self.content(parts.into_iter());
        }
        self.participant(speaker);
        for (at, call) in calls.iter().enumerate() {
            self.out.extend_from_slice(if at == 0 { b",\"tool_calls\":[" } else { b"," });
            self.call(call);
        }
        self.out.extend_from_slice(if calls.is_empty() { b"}" } else { b"]}" });
        let ids: Vec<&str> = calls.into_iter().filter_map(call_id).collect();
        self.tool_outputs(end, &ids, answered)
    }

    fn call(&mut self, item: &Item) {
        let Item::Call { call_id, name, arguments, kind } = item else { return };
        self.out.extend_from_slice(b"{\"id\":");
        json::write_string(self.out, call_id);
        self.out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        json::write_string(self.out, name);
        self.out.extend_from_slice(b",\"arguments\":");
        if *kind == ToolKind::Function && arguments.trim_ascii().is_empty() {
            self.out.extend_from_slice(b"\"{}\"");
        } else if *kind == ToolKind::Function && is_object(arguments) {
            json::write_string(self.out, arguments);
        } else {
            // Free text; or arguments that were cut. Upstreams that parse a history would refuse those for ever.
            let mut object = b"{\"input\":".to_vec();
            json::write_string(&mut object, arguments);
            object.push(b'}');
            json::write_string(self.out, &String::from_utf8_lossy(&object));
        }
        self.out.extend_from_slice(b"}}");
    }

    /// The outputs in a row from `start` on, which are those of `calls`, with those that are missing. Returns the place
    /// behind.
    fn tool_outputs(&mut self, start: usize, calls: &[&'i str], answered: &HashSet<String>) -> usize {
        let is_output = |item: &&&Item| matches!(item, Item::Output { .. });
        let run: Vec<&'i Item> = self.items[start..].iter().take_while(is_output).copied().collect();
        let end = start + run.len();
        let mut rest = Rest::new();
        for (at, output) in (start..).zip(&run) {
            if !self.told.contains(&at) {
                self.output(output, &mut rest);
            }
        }
        let given: HashSet<&str> = run.iter().filter_map(|output| call_id(output)).collect();
        for id in calls.iter().filter(|id| !given.contains(**id) && !answered.contains(**id)) {
            match self.later_output(id, end) {
                Some(at) => {
                    self.told.insert(at);
                    let output = self.items[at];
                    self.output(output, &mut rest);
                }
                None => self.tool(id, NO_OUTPUT),
            }
        }
        if !rest.is_empty() {
            self.open("user");
            self.content(rest.into_iter());
            self.out.push(b'}');
        }
        end
    }

    /// The output of a call before `from`, unless another call with its id comes first.
    fn later_output(&mut self, id: &str, from: usize) -> Option<usize> {
        let items = &self.items;
        let places = self.places.get_or_insert_with(|| {
            let mut places: HashMap<&'i str, Vec<usize>> = HashMap::new();
            for (at, item) in items.iter().enumerate() {
                if let Some(id) = call_id(item) {
                    places.entry(id).or_default().push(at);
                }
            }
            places
        });
        let places = places.get(id)?;
        let next = *places.get(places.partition_point(|at| *at < from))?;
        matches!(items[next], Item::Output { .. }).then_some(next)
    }

    fn output(&mut self, item: &'i Item, rest: &mut Rest<'i>) {
        let Item::Output { call_id, parts, failed, .. } = item else { return };
        let (texts, others): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(|part| words(part).is_some());
        let mut text = joined(&texts);
        if text.is_empty() && !others.is_empty() {
            text = Cow::Borrowed(IMAGES_ONLY);
        }
        if *failed && !text.starts_with(FAILED) {
            text.to_mut().insert_str(0, FAILED);
        }
        self.tool(call_id, &text);
        rest.extend(others);
    }

    fn tool(&mut self, id: &str, text: &str) {
        self.open("tool");
        json::write_string(self.out, text);
        self.out.extend_from_slice(b",\"tool_call_id\":");
        json::write_string(self.out, id);
        self.out.push(b'}');
    }

    /// The beginning of a message, up to its content.
    fn open(&mut self, role: &str) {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"role\":\"");
        self.out.extend_from_slice(role.as_bytes());
        self.out.extend_from_slice(b"\",\"content\":");
    }

    /// What the speaker of `item` is called, where names are told.
    fn name(&self, item: &'i Item) -> Option<&'i ParticipantName> {
        match item {
            Item::Message { name, .. } if self.names => name.as_ref(),
            _ => None,
        }
    }

    fn participant(&mut self, name: Option<&ParticipantName>) {
        if let Some(name) = name {
            self.out.extend_from_slice(b",\"name\":");
            json::write_string(self.out, name.as_str());
        }
    }

    /// Text alone as a string, which every upstream takes; else the parts.
    fn content<'p>(&mut self, parts: impl Iterator<Item = &'p Part>) {
        let parts: Vec<&Part> = parts.collect();
        if parts.iter().all(|part| words(part).is_some()) {
            return json::write_string(self.out, &joined(&parts));
        }
        for (at, part) in parts.into_iter().enumerate() {
            self.out.push(if at == 0 { b'[' } else { b',' });
            self.part(part);
        }
        self.out.push(b']');
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) | Part::Refusal(text) => {
                self.out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
                json::write_string(self.out, text);
                self.out.push(b'}');
            }
            Part::Image { url, detail } => {
                self.out.extend_from_slice(b"{\"type\":\"image_url\",\"image_url\":{\"url\":");
                json::write_string(self.out, url);
                if let Some(detail) = detail {
                    self.out.extend_from_slice(b",\"detail\":");
                    json::write_string(self.out, detail);
                }
                self.out.extend_from_slice(b"}}");
            }
            Part::Other(raw) => self.out.extend_from_slice(raw.as_bytes()),
        }
    }
}

fn call_id(item: &Item) -> Option<&str> {
    match item {
        Item::Call { call_id, .. } | Item::Output { call_id, .. } => Some(call_id),
        _ => None,
    }
}

fn words(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) | Part::Refusal(text) => Some(text),
        Part::Image { .. } | Part::Other(_) => None,
    }
}

fn joined<'p>(parts: &[&'p Part]) -> Cow<'p, str> {
    let words: Vec<&'p str> = parts.iter().filter_map(|part| words(part)).collect();
    match words[..] {
        [word] => Cow::Borrowed(word),
        _ => words.join("\n").into(),
    }
}

fn is_object(text: &str) -> bool {
    text.trim_ascii().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}
