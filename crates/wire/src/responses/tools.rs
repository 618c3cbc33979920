//! Tools, and which of them the model may call.

use super::extras::Namespaced;
use super::hosted::{Dropped, HostedTools, unsupported_tool};
use super::parameters::{at, text, text_required, word_required};
use crate::object::Object;
use crate::pivot::{Choice, Tool, ToolKind};
use crate::request_error::RequestError;

/// Tools of one request, as many as a chat request may have.
const TOOLS_MAX: usize = 256;

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) tools: Vec<Tool>,
    pub(super) namespaced: Vec<Namespaced>,
}

impl Tools {
    /// Reads `tools`.
    pub(super) fn read(
        body: &Object<'_>,
        hosted: HostedTools,
        dropped: &mut Dropped,
    ) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for (index, raw) in body.elements("tools", TOOLS_MAX)?.unwrap_or_default().into_iter().enumerate() {
            tools.read_tool(&Object::read(raw, at("tools", index))?, hosted, dropped)?;
        }
        if tools.tools.is_empty() {
            dropped.refuse_alone()?;
        }
        Ok(tools)
    }

    fn read_tool(
        &mut self,
        tool: &Object<'_>,
        hosted: HostedTools,
        dropped: &mut Dropped,
    ) -> Result<(), RequestError> {
        match word_required(tool, "type")?.as_str() {
            "function" => self.add(function(tool)?, tool),
            "custom" => self.add(custom(tool)?, tool),
            "namespace" => self.read_namespace(tool, hosted, dropped),
            kind => dropped.tool(hosted, kind, &tool.path_of("type")),
        }
    }

    /// Upstreams know no namespaces: their functions get flat names, which the answer's calls are told without.
    fn read_namespace(
        &mut self,
        bundle: &Object<'_>,
        hosted: HostedTools,
        dropped: &mut Dropped,
    ) -> Result<(), RequestError> {
        let namespace = word_required(bundle, "name")?;
        let path = bundle.path_of("tools");
        for (index, raw) in bundle.elements("tools", TOOLS_MAX)?.unwrap_or_default().into_iter().enumerate() {
            let inner = Object::read(raw, at(&path, index))?;
            let kind = word_required(&inner, "type")?;
            if kind != "function" {
                // An agent works without one of the tools that it offers in a bundle.
                let policy = if hosted == HostedTools::Refuse { hosted } else { HostedTools::Drop };
                dropped.tool(policy, &format!("namespace.{kind}"), &inner.path_of("type"))?;
                continue;
            }
            let mut tool = function(&inner)?;
            let known = Namespaced { namespace: namespace.clone(), name: tool.name };
            tool.name = known.flat();
            self.namespaced.push(known);
            self.add(tool, &inner)?;
        }
        Ok(())
    }

    fn add(&mut self, tool: Tool, object: &Object<'_>) -> Result<(), RequestError> {
        if self.tools.len() == TOOLS_MAX {
            let expected = format!("an array of at most {TOOLS_MAX} tools");
            return Err(RequestError::wrong_value("tools", &expected));
        }
        if self.tools.iter().any(|known| known.name == tool.name) {
            let path = object.path_of("name");
            let message = format!("'{path}': there is already a tool '{}'", tool.name);
            return Err(RequestError::new("invalid_value", &path, message));
        }
        self.tools.push(tool);
        Ok(())
    }

    /// Reads `tool_choice`. With `allowed_tools`, the others are taken away: an upstream cannot call what it does not
    /// know. The choice of a tool that was left out is left out with it.
    pub(super) fn choose(
        &mut self,
        body: &Object<'_>,
        dropped: &Dropped,
    ) -> Result<Option<Choice>, RequestError> {
        let choice = match body.raw("tool_choice") {
            None => return Ok(None),
            Some("\"auto\"") => Choice::Auto,
            Some("\"none\"") => Choice::None,
            Some("\"required\"") => Choice::Required,
            Some(raw) if raw.starts_with('"') => {
                let expected = "'auto', 'none', 'required' or an object";
                return Err(RequestError::wrong_value("tool_choice", expected));
            }
            Some(raw) => {
                let choice = Object::read(raw, "tool_choice".to_owned())?;
                if word_required(&choice, "type")? == "allowed_tools" {
                    self.allow(&choice, dropped)?
                } else {
                    self.find(&choice, dropped)?.map_or(Choice::Auto, Choice::Named)
                }
            }
        };
        Ok(Some(choice))
    }

    fn allow(&mut self, choice: &Object<'_>, dropped: &Dropped) -> Result<Choice, RequestError> {
        let required = match choice.raw("mode") {
            None | Some("\"auto\"") => false,
            Some("\"required\"") => true,
            Some(_) => return Err(RequestError::wrong_value("tool_choice.mode", "'auto' or 'required'")),
        };
        let path = choice.path_of("tools");
        let raw = choice.elements("tools", TOOLS_MAX)?.ok_or_else(|| RequestError::missing(&path))?;
        let mut allowed = Vec::new();
        let mut left_out = false;
        for (index, raw) in raw.into_iter().enumerate() {
            match self.find(&Object::read(raw, at(&path, index))?, dropped)? {
                Some(name) => allowed.push(name),
                None => left_out = true,
            }
        }
        self.tools.retain(|tool| allowed.contains(&tool.name));
        // Of tools that are not there, none can be required.
        let none_left = left_out && allowed.is_empty();
        Ok(if required && !none_left { Choice::Required } else { Choice::Auto })
    }

    /// The name of the tool that `choice` points at; `None` where that tool was left out.
    fn find(&self, choice: &Object<'_>, dropped: &Dropped) -> Result<Option<String>, RequestError> {
        let kind = match word_required(choice, "type")?.as_str() {
            "function" => ToolKind::Function,
            "custom" => ToolKind::Custom,
            kind if dropped.kinds.iter().any(|left_out| left_out == kind) => return Ok(None),
            kind => return Err(unsupported_tool(kind, &choice.path_of("type"))),
        };
        let mut name = word_required(choice, "name")?;
        if let Some(namespace) = text(choice, "namespace")? {
            name = Namespaced { namespace, name }.flat();
        }
        if self.tools.iter().any(|tool| tool.name == name && tool.kind == kind) {
            return Ok(Some(name));
        }
        Err(RequestError::wrong_value(&choice.path_of("name"), "the name of one of 'tools'"))
    }
}

fn function(tool: &Object<'_>) -> Result<Tool, RequestError> {
    Ok(Tool {
        name: word_required(tool, "name")?,
        description: text(tool, "description")?,
        parameters: tool.raw_object("parameters")?.map(str::to_owned),
        strict: tool.boolean("strict")?,
        kind: ToolKind::Function,
    })
}

/// Upstreams cannot keep to a grammar, so the model is told of it in words.
fn custom(tool: &Object<'_>) -> Result<Tool, RequestError> {
    let mut description = text(tool, "description")?;
    if let Some(format) = tool.object("format")? {
        match word_required(&format, "type")?.as_str() {
            "text" => {}
            "grammar" => {
                let syntax = word_required(&format, "syntax")?;
                let definition = text_required(&format, "definition")?;
                let told = description.map(|said| said + "\n\n").unwrap_or_default();
                description =
                    Some(format!("{told}The input must match this {syntax} grammar:\n{definition}"));
            }
            _ => {
                let expected = "'text' or 'grammar'";
                return Err(RequestError::wrong_value(&format.path_of("type"), expected));
            }
        }
    }
    let name = word_required(tool, "name")?;
    Ok(Tool { name, description, parameters: None, strict: None, kind: ToolKind::Custom })
}
