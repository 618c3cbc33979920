//! The tools of a request, and which of them the model must or may call.

use std::collections::HashSet;

use crate::object::Object;
use crate::pivot::{Choice, Tool, ToolKind};
use crate::request_error::RequestError;

/// Tools of one request: as many as a chat request may have.
const TOOLS_MAX: usize = 256;

/// Characters of a tool's name, as at Anthropic.
const NAME_CHARS_MAX: usize = 128;

/// The tools. Those that Anthropic runs itself are refused: no upstream has them.
pub(super) fn tools(body: &Object<'_>) -> Result<Vec<Tool>, RequestError> {
    let mut tools = Vec::new();
    let mut names = HashSet::new();
    for (at, raw) in body.elements("tools", TOOLS_MAX)?.unwrap_or_default().into_iter().enumerate() {
        let tool = tool(&Object::read(raw, format!("tools[{at}]"))?)?;
        if !names.insert(tool.name.clone()) {
            let message = format!("there are two tools of the name '{}'", tool.name);
            return Err(RequestError::new("invalid_value", &format!("tools[{at}].name"), message));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn tool(tool: &Object<'_>) -> Result<Tool, RequestError> {
    if let Some(kind) = tool.text("type")?
        && kind != "custom"
    {
        let message = format!(
            "the tool type '{kind}' is not supported: it runs at Anthropic. Give a tool with a name and an input_schema"
        );
        return Err(RequestError::new("unsupported_tool", &tool.path_of("type"), message));
    }
    let schema = tool.raw_object("input_schema")?;
    Ok(Tool {
        name: tool.name_required("name", NAME_CHARS_MAX)?,
        description: tool.text("description")?.map(std::borrow::Cow::into_owned),
        parameters: Some(
            schema.ok_or_else(|| RequestError::missing(&tool.path_of("input_schema")))?.to_owned(),
        ),
        strict: tool.boolean("strict")?,
        kind: ToolKind::Function,
    })
}

/// `tool_choice`: which of `tools`, and whether several at once.
pub(super) fn choice(
    body: &Object<'_>,
    tools: &[Tool],
) -> Result<(Option<Choice>, Option<bool>), RequestError> {
    let Some(choice) = body.object("tool_choice")? else { return Ok((None, None)) };
    let which = match choice.text_required("type")?.as_ref() {
        "auto" => Choice::Auto,
        "any" if tools.is_empty() => {
            return Err(RequestError::new("invalid_value", &choice.path_of("type"), "'any' needs 'tools'"));
        }
        "any" => Choice::Required,
        "none" => Choice::None,
        "tool" => {
            let name = choice.name_required("name", NAME_CHARS_MAX)?;
            if !tools.iter().any(|tool| tool.name == name) {
                let expected = "the name of one of 'tools'";
                return Err(RequestError::wrong_value(&choice.path_of("name"), expected));
            }
            Choice::Named(name)
        }
        _ => return Err(RequestError::wrong_value(&choice.path_of("type"), "auto, any, tool or none")),
    };
    let disabled = choice.boolean("disable_parallel_tool_use")?;
    Ok((Some(which), disabled.map(|disabled| !disabled)))
}
