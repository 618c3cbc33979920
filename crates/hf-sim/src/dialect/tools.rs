//! Tool calls as the providers spell them.

use super::json::{member, raw, string};
use super::{Dialect, Frame, ToolId, Tools};
use crate::answer::ToolCall;
use crate::vocabulary::ToolFault;

/// One chunk's share of a call: the object inside `tool_calls`, and the output tokens in it.
pub(super) struct Part {
    pub(super) json: Vec<u8>,
    pub(super) tokens: u32,
}

/// A call as the parts of a stream.
pub(super) fn parts(frame: &Frame<'_>, call: &ToolCall, at: usize) -> Vec<Part> {
    let way = match frame.script.tool {
        Some(ToolFault::Whole) => Tools::Whole,
        Some(ToolFault::Fragments) => Tools::Fragments,
        _ => frame.dialect.tools,
    };
    if way == Tools::Whole {
        let tokens = u32::try_from(call.tokens()).unwrap_or(u32::MAX);
        return vec![Part { json: header(frame, call, at, &call.arguments.concat()), tokens }];
    }
    let mut parts = vec![Part { json: header(frame, call, at, ""), tokens: 1 }];
    parts.extend(call.arguments.iter().map(|piece| {
        let mut json = b"{".to_vec();
        if frame.script.tool != Some(ToolFault::NoIndex) {
            raw(&mut json, &format!("\"index\":{at},"));
        }
        raw(&mut json, "\"function\":{");
        raw(&mut json, if frame.dialect.nulls { "\"name\":null,\"arguments\":" } else { "\"arguments\":" });
        string(&mut json, piece);
        raw(&mut json, "}}");
        Part { json, tokens: 1 }
    }));
    parts
}

/// A whole call as an answer that is not streamed holds it.
pub(super) fn whole(frame: &Frame<'_>, call: &ToolCall, at: usize) -> Vec<u8> {
    header(frame, call, at, &call.arguments.concat())
}

fn header(frame: &Frame<'_>, call: &ToolCall, at: usize, arguments: &str) -> Vec<u8> {
    let mut json = b"{\"type\":\"function\"".to_vec();
    if frame.script.tool != Some(ToolFault::NoIndex) {
        raw(&mut json, &format!(",\"index\":{at}"));
    }
    if frame.script.tool != Some(ToolFault::NoId) {
        member(&mut json, "id", &id(frame.dialect, frame.hash, at));
    }
    raw(&mut json, ",\"function\":{\"name\":");
    string(&mut json, &call.name);
    member(&mut json, "arguments", arguments);
    raw(&mut json, "}}");
    json
}

fn id(dialect: &Dialect, hash: u64, at: usize) -> String {
    let mixed = crate::dice::fingerprint(hash, &at.to_le_bytes());
    match dialect.tool_id {
        ToolId::Prefixed(prefix) => format!("{prefix}{mixed:016x}"),
        ToolId::Random => format!("{mixed:016x}{:016x}", mixed.rotate_left(17)),
        ToolId::Position => at.to_string(),
    }
}
