//! Calls of the request's tools, and the ways in which templates leak them as text.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Choice, Finish, ToolCall, schema, words};
use crate::dice::Dice;
use crate::request::ChatRequest;
use crate::script::Script;
use crate::vocabulary::ToolFault;

#[derive(Deserialize)]
struct Tool {
    function: Function,
}

#[derive(Clone, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    parameters: Value,
}

/// The call that answers `request`, if it calls for one.
pub(super) fn call(request: &ChatRequest<'_>, script: &Script, dice: &mut Dice) -> Option<Choice> {
    let fault = script.tool;
    let chosen = match chosen(request, script.call.as_deref()) {
        Some(function) => function,
        // A fault needs something to leak even when the request has no tools.
        None if fault.is_some() => Function { name: "lookup".to_owned(), parameters: Value::Null },
        None => return None,
    };
    let arguments = match fault {
        Some(ToolFault::EmptyArgs) => String::new(),
        Some(ToolFault::BadArgs) => "{\"city\": ".to_owned(),
        _ if let Some(scripted) = &script.arguments => scripted.clone(),
        _ if chosen.parameters.is_null() => "{}".to_owned(),
        _ => schema::example(&chosen.parameters, dice).to_string(),
    };
    let name = chosen.name;
    let call = || ToolCall { name: name.clone(), arguments: words::pieces(&arguments) };
    Some(match fault {
        Some(ToolFault::Leak) => Choice::text(&format!(
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>{arguments}\
             <|tool_call_end|><|tool_calls_section_end|>"
        )),
        Some(ToolFault::Xml) => {
            let inside = json!({ "name": name, "arguments": parsed(&arguments) });
            let leaked = format!("<tool_call>\n{inside}\n</tool_call>");
            Choice { reasoning: words::pieces(&leaked), ..Choice::default() }
        }
        Some(ToolFault::Parallel) => {
            Choice { tools: vec![call(), call()], finish: Finish::ToolCalls, ..Choice::default() }
        }
        _ => Choice { tools: vec![call()], finish: Finish::ToolCalls, ..Choice::default() },
    })
}

fn parsed(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or(Value::Null)
}

/// The tool that a script names, offered or not; else the one that `tool_choice` names, else the first one.
fn chosen(request: &ChatRequest<'_>, scripted: Option<&str>) -> Option<Function> {
    let choice = request.tool_choice.as_ref();
    if scripted.is_none() && choice.and_then(Value::as_str) == Some("none") {
        return None;
    }
    let tools: Vec<Tool> =
        request.tools.and_then(|tools| serde_json::from_str(tools.get()).ok()).unwrap_or_default();
    let named = choice.and_then(|choice| choice.pointer("/function/name")).and_then(Value::as_str);
    let mut offered = tools.into_iter().map(|tool| tool.function);
    match (scripted, named) {
        (Some(name), _) => {
            let unknown = Function { name: name.to_owned(), parameters: Value::Null };
            Some(offered.find(|function| function.name == name).unwrap_or(unknown))
        }
        (None, Some(name)) => offered.find(|function| function.name == name),
        (None, None) => offered.next(),
    }
}
