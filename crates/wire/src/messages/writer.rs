//! An answer in Anthropic's Messages dialect.
//!
//! The end of a block is told when the next one begins or when the answer ends well, which is when it would be due
//! anyway. Clients run a tool as soon as its block ends, so a stream that fails does not end its last block.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::error;
use crate::chat::usage;
use crate::error::ErrorBody;
use crate::json;
use crate::pivot::{Ending, Finish, Item, Names, Progress, Writer};

/// What thoughts are signed with. Anthropic's clients want a signature and send it back; it is not looked at then.
const SIGNATURE: &str = "unsigned";

/// Sent after the beginning, and while the upstream is silent.
const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// The delta of a call's arguments, and its field.
const INPUT_DELTA: &str = "input_json_delta";
const INPUT: &str = "partial_json";

/// Tells an answer as a message: each item is one content block.
#[derive(Clone, Debug)]
pub struct MessagesWriter {
    names: Names,
    input_tokens_estimate: u64,
    /// The block that is closed, and whose end is to come.
    closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    index: usize,
    is_thought: bool,
}

impl MessagesWriter {
    /// A writer of an answer that has not begun. A stream's first event names `input_tokens_estimate`, its last one what
    /// was counted.
    #[must_use]
    pub fn new(names: &Names, input_tokens_estimate: u64) -> MessagesWriter {
        MessagesWriter { names: names.clone(), input_tokens_estimate, closed: None }
    }

    /// Opens a message: all up to its content.
    fn write_head(&self, out: &mut Vec<u8>) {
        let id = format!(
            "{{\"id\":\"msg_{}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":",
            self.names.call
        );
        out.extend_from_slice(id.as_bytes());
        json::write_string(out, &self.names.model);
        out.extend_from_slice(b",\"content\":[");
    }

    fn write_error(&self, error: &ErrorBody, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        error::write_in_stream(out, error, &format!("call_{}", self.names.call));
        out.extend_from_slice(b"\n\n");
    }

    /// The end of the block that is closed.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let Some(Closed { index, is_thought }) = self.closed.take() else { return };
        if is_thought {
            write_delta(out, index, "signature_delta", "signature", SIGNATURE);
        }
        event(out, "content_block_stop", |out| write_index(out, index));
    }
}

impl Writer for MessagesWriter {
    fn begin(&mut self, out: &mut Vec<u8>) {
        event(out, "message_start", |out| {
            out.extend_from_slice(b",\"message\":");
            self.write_head(out);
            let tail = format!(
                "],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{{\"input_tokens\":{},\
                 \"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}}}",
                self.input_tokens_estimate
            );
            out.extend_from_slice(tail.as_bytes());
        });
        out.extend_from_slice(PING);
    }

    fn progress(&mut self, progress: &Progress<'_>, out: &mut Vec<u8>) {
        match *progress {
            Progress::Opened { index, item } => {
                self.settle(out);
                event(out, "content_block_start", |out| {
                    write_index(out, index);
                    out.extend_from_slice(b",\"content_block\":");
                    write_block(out, item, Shown::Empty);
                });
            }
            Progress::Grown { index, item, delta } => {
                let (kind, field) = match item {
                    Item::Reasoning { .. } => ("thinking_delta", "thinking"),
                    Item::Call { arguments, .. } => return write_arguments(out, index, arguments, delta),
                    Item::Message { .. } | Item::Output { .. } => ("text_delta", "text"),
                };
                write_delta(out, index, kind, field, delta);
            }
            Progress::Closed { index, item } => {
                if let Item::Call { arguments, .. } = item
                    && !arguments.trim().is_empty()
                    && !begins_object(arguments)
                {
                    let mut input = Vec::new();
                    write_input(&mut input, arguments);
                    write_delta(out, index, INPUT_DELTA, INPUT, &String::from_utf8_lossy(&input));
                }
                self.closed = Some(Closed { index, is_thought: matches!(item, Item::Reasoning { .. }) });
            }
        }
    }

    fn finish(&mut self, items: &[Item], ending: &Ending, out: &mut Vec<u8>) {
        let Some(reason) = stop_reason(items, ending.finish) else {
            return self.write_error(&ErrorBody::unsaid(), out);
        };
        self.settle(out);
        event(out, "message_delta", |out| {
            let delta =
                format!(",\"delta\":{{\"stop_reason\":\"{reason}\",\"stop_sequence\":null}},\"usage\":");
            out.extend_from_slice(delta.as_bytes());
            write_usage(out, ending);
        });
        event(out, "message_stop", |_| {});
    }

    fn fail(&mut self, _items: &[Item], error: &ErrorBody, out: &mut Vec<u8>) {
        self.write_error(error, out);
    }

    fn whole(&mut self, items: &[Item], ending: &Ending) -> Bytes {
        let mut out = Vec::new();
        self.write_head(&mut out);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_block(&mut out, item, Shown::Whole);
        }
        out.extend_from_slice(b"],\"stop_reason\":");
        match stop_reason(items, ending.finish) {
            Some(reason) => json::write_string(&mut out, reason),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"stop_sequence\":null,\"usage\":");
        write_usage(&mut out, ending);
        out.push(b'}');
        out.into()
    }

    fn keep_alive(&self) -> &'static [u8] {
        PING
    }
}

/// How much of an item a block shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Nothing: what it has comes in deltas.
    Empty,
    /// All.
    Whole,
}

/// Why the answer ended, in Anthropic's words; `None` where nobody said.
///
/// Clients run tools when they are told so, and wait for one that is not there: so calls decide over the upstream's word
/// for a good end.
fn stop_reason(items: &[Item], finish: Finish) -> Option<&'static str> {
    match finish {
        Finish::Stop | Finish::ToolCalls => {
            let calls = items.iter().any(|item| matches!(item, Item::Call { .. }));
            Some(if calls { "tool_use" } else { "end_turn" })
        }
        Finish::Length => Some("max_tokens"),
        Finish::ContentFilter => Some("refusal"),
        Finish::Unsaid => None,
    }
}

fn write_block(out: &mut Vec<u8>, item: &Item, shown: Shown) {
    let text = if shown == Shown::Whole { item.text() } else { "" };
    match item {
        Item::Reasoning { .. } => {
            out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":");
            json::write_string(out, text);
            out.extend_from_slice(b",\"signature\":");
            json::write_string(out, if shown == Shown::Whole { SIGNATURE } else { "" });
        }
        Item::Call { call_id, name, .. } => {
            out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
            json::write_string(out, call_id);
            out.extend_from_slice(b",\"name\":");
            json::write_string(out, name);
            out.extend_from_slice(b",\"input\":");
            write_input(out, text);
        }
        Item::Message { .. } | Item::Output { .. } => {
            out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            json::write_string(out, text);
        }
    }
    out.push(b'}');
}

/// Writes `delta`, which is new in the arguments of a call. Those that begin no object wait until they are whole.
fn write_arguments(out: &mut Vec<u8>, index: usize, arguments: &str, delta: &str) {
    let told = &arguments[..arguments.len() - delta.len()];
    if begins_object(told) {
        write_delta(out, index, INPUT_DELTA, INPUT, delta);
    } else if begins_object(arguments) {
        write_delta(out, index, INPUT_DELTA, INPUT, arguments);
    }
}

fn begins_object(arguments: &str) -> bool {
    arguments.trim_start().starts_with('{')
}

/// Writes the arguments of a call as the object that `input` must be. Arguments that are none are kept as the text that
/// the model wrote, `{"_raw":"…"}`, so that the client can tell what went wrong, and the model sees it again.
fn write_input(out: &mut Vec<u8>, arguments: &str) {
    let arguments = arguments.trim();
    if arguments.is_empty() {
        out.extend_from_slice(b"{}");
    } else if arguments.starts_with('{') && serde_json::from_str::<&RawValue>(arguments).is_ok() {
        out.extend_from_slice(arguments.as_bytes());
    } else {
        out.extend_from_slice(b"{\"_raw\":");
        json::write_string(out, arguments);
        out.push(b'}');
    }
}

/// Writes the usage. Anthropic counts what was read from the cache beside the input, not in it.
fn write_usage(out: &mut Vec<u8>, ending: &Ending) {
    let Ending { usage: counted, cost, source, .. } = ending;
    let (cached, output) = (counted.cached_input, counted.output);
    let input = counted.input.saturating_sub(cached);
    let counts = format!(
        "{{\"input_tokens\":{input},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":{cached},\
         \"output_tokens\":{output},"
    );
    out.extend_from_slice(counts.as_bytes());
    usage::write_cost(out, *cost, *source);
    out.push(b'}');
}

fn write_index(out: &mut Vec<u8>, index: usize) {
    out.extend_from_slice(format!(",\"index\":{index}").as_bytes());
}

fn write_delta(out: &mut Vec<u8>, index: usize, kind: &str, field: &str, delta: &str) {
    event(out, "content_block_delta", |out| {
        write_index(out, index);
        out.extend_from_slice(format!(",\"delta\":{{\"type\":\"{kind}\",\"{field}\":").as_bytes());
        json::write_string(out, delta);
        out.push(b'}');
    });
}

/// Appends one event; `fields` adds its fields behind the type, each with a comma before it. All its texts are written
/// as JSON strings, so no line end stands in it.
fn event(out: &mut Vec<u8>, name: &str, fields: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(format!("event: {name}\ndata: {{\"type\":\"{name}\"").as_bytes());
    fields(out);
    out.extend_from_slice(b"}\n\n");
}
