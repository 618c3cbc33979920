//! A request in no dialect becomes a chat body, which is what upstreams speak.

use std::collections::HashSet;

use bytes::Bytes;

use super::item::{Item, ToolKind};
use super::messages::Messages;
use super::request::{Choice, Format, Request, Settings, Tool};
use crate::json;

/// The schema of a function that the client gave none for. Some upstreams refuse a function without one.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// The schema that stands for free text.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The chat body of a request that goes on from `history`: `instructions` first, then the history, then what is new.
///
/// Every tool call in it has an output: the client's, wherever it stands, or `(no output)`. Outputs without a call are
/// left for the upstream to judge. The names of a history's participants are left out: the dialects of such requests have
/// none.
#[must_use]
pub fn to_chat(request: &Request, history: &[Item]) -> Bytes {
    let mut out = b"{\"model\":".to_vec();
    json::write_string(&mut out, &request.target.model);
    if let Some(provider) = &request.target.provider {
        string(&mut out, "provider", provider);
    }
    if request.stream {
        raw(&mut out, "stream", "true");
    }
    key(&mut out, "messages");
    out.push(b'[');
    let mut messages = Messages::new(&mut out, history.iter().chain(&request.input));
    if let Some(instructions) = &request.instructions {
        messages.instructions(instructions);
    }
    messages.write(&HashSet::new());
    out.push(b']');
    write_settings(&mut out, &request.settings);
    out.push(b'}');
    out.into()
}

fn write_settings(out: &mut Vec<u8>, settings: &Settings) {
    if let Some(limit) = settings.output_tokens {
        raw(out, "max_tokens", &limit.to_string());
    }
    write_tools(out, settings);
    if let Some(format) = &settings.format {
        write_format(out, format);
    }
    if let Some(effort) = &settings.effort {
        string(out, "reasoning_effort", effort);
    }
    if !settings.stop.is_empty() {
        key(out, "stop");
        for (at, stop) in settings.stop.iter().enumerate() {
            out.push(if at == 0 { b'[' } else { b',' });
            json::write_string(out, stop);
        }
        out.push(b']');
    }
    for (name, value) in &settings.passing {
        raw(out, name, value);
    }
}

/// The tools, and how they may be called: upstreams refuse the latter without the former.
fn write_tools(out: &mut Vec<u8>, settings: &Settings) {
    if settings.tools.is_empty() {
        return;
    }
    key(out, "tools");
    for (at, tool) in settings.tools.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        write_tool(out, tool);
    }
    out.push(b']');
    match &settings.choice {
        None => {}
        Some(Choice::Auto) => string(out, "tool_choice", "auto"),
        Some(Choice::None) => string(out, "tool_choice", "none"),
        Some(Choice::Required) => string(out, "tool_choice", "required"),
        Some(Choice::Named(name)) => {
            raw(out, "tool_choice", "{\"type\":\"function\",\"function\":{\"name\":");
            json::write_string(out, name);
            out.extend_from_slice(b"}}");
        }
    }
    if let Some(parallel) = settings.parallel_calls {
        raw(out, "parallel_tool_calls", if parallel { "true" } else { "false" });
    }
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool) {
    out.extend_from_slice(b"{\"type\":\"function\",\"function\":{\"name\":");
    json::write_string(out, &tool.name);
    if let Some(description) = &tool.description {
        string(out, "description", description);
    }
    let parameters = match tool.kind {
        ToolKind::Custom => FREE_TEXT,
        ToolKind::Function => tool.parameters.as_deref().unwrap_or(NO_PARAMETERS),
    };
    raw(out, "parameters", parameters);
    write_strict(out, tool.strict);
    out.extend_from_slice(b"}}");
}

fn write_format(out: &mut Vec<u8>, format: &Format) {
    key(out, "response_format");
    match format {
        Format::JsonObject => out.extend_from_slice(b"{\"type\":\"json_object\"}"),
        Format::JsonSchema { name, description, schema, strict } => {
            out.extend_from_slice(b"{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
            json::write_string(out, name);
            if let Some(description) = description {
                string(out, "description", description);
            }
            raw(out, "schema", schema);
            write_strict(out, *strict);
            out.extend_from_slice(b"}}");
        }
    }
}

fn write_strict(out: &mut Vec<u8>, strict: Option<bool>) {
    if let Some(strict) = strict {
        raw(out, "strict", if strict { "true" } else { "false" });
    }
}

fn string(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    json::write_string(out, value);
}

fn raw(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    out.extend_from_slice(value.as_bytes());
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    json::write_string(out, name);
    out.push(b':');
}
