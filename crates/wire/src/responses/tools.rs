//! Tools, and which of them the model may call.

use super::extras::Namespaced;
use super::hosted::{Dropped, HostedTools, unsupported_tool};
use super::parameters::{at, list, object_fields, opt_text, required_name, value};
use crate::chat::parameters::boolean;
use crate::json::Field;
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
    pub(super) fn read(raw: &str, hosted: HostedTools, dropped: &mut Dropped) -> Result<Tools, RequestError> {
        let mut tools = Tools::default();
        for (index, raw) in list("tools", raw, TOOLS_MAX)?.into_iter().enumerate() {
            tools.read_tool(raw, &at("tools", index), hosted, dropped)?;
        }
        if tools.tools.is_empty() {
            dropped.refuse_alone()?;
        }
        Ok(tools)
    }

    fn read_tool(
        &mut self,
        raw: &str,
        param: &str,
        hosted: HostedTools,
        dropped: &mut Dropped,
    ) -> Result<(), RequestError> {
        let fields = object_fields(raw, param)?;
        let kind = required_name(&fields, "type", param)?;
        match kind.as_str() {
            "function" => self.add(function(&fields, param)?, param),
            "custom" => self.add(custom(&fields, param)?, param),
            "namespace" => self.read_namespace(&fields, param, hosted, dropped),
            kind => dropped.tool(hosted, kind, &format!("{param}.type")),
        }
    }

    /// Upstreams know no namespaces: their functions get flat names, which the answer's calls are told without.
    fn read_namespace(
        &mut self,
        fields: &[Field<'_>],
        param: &str,
        hosted: HostedTools,
        dropped: &mut Dropped,
    ) -> Result<(), RequestError> {
        let namespace = required_name(fields, "name", param)?;
        let param = format!("{param}.tools");
        for (index, raw) in
            list(&param, value(fields, "tools").unwrap_or("[]"), TOOLS_MAX)?.into_iter().enumerate()
        {
            let param = at(&param, index);
            let fields = object_fields(raw, &param)?;
            let kind = required_name(&fields, "type", &param)?;
            if kind != "function" {
                // An agent works without one of the tools that it offers in a bundle.
                let policy = if hosted == HostedTools::Refuse { hosted } else { HostedTools::Drop };
                dropped.tool(policy, &format!("namespace.{kind}"), &format!("{param}.type"))?;
                continue;
            }
            let mut tool = function(&fields, &param)?;
            let known = Namespaced { namespace: namespace.clone(), name: tool.name };
            tool.name = known.flat();
            self.namespaced.push(known);
            self.add(tool, &param)?;
        }
        Ok(())
    }

    fn add(&mut self, tool: Tool, param: &str) -> Result<(), RequestError> {
        if self.tools.len() == TOOLS_MAX {
            return Err(RequestError::wrong_value(
                "tools",
                &format!("an array of at most {TOOLS_MAX} tools"),
            ));
        }
        if self.tools.iter().any(|known| known.name == tool.name) {
            let param = format!("{param}.name");
            let message = format!("'{param}': there is already a tool '{}'", tool.name);
            return Err(RequestError::new("invalid_value", &param, message));
        }
        self.tools.push(tool);
        Ok(())
    }

    /// Reads `tool_choice`. With `allowed_tools`, the others are taken away: an upstream cannot call what it does not
    /// know.
    pub(super) fn choose(&mut self, raw: &str) -> Result<Choice, RequestError> {
        let param = "tool_choice";
        match raw {
            "\"auto\"" => return Ok(Choice::Auto),
            "\"none\"" => return Ok(Choice::None),
            "\"required\"" => return Ok(Choice::Required),
            _ if raw.starts_with('"') => {
                return Err(RequestError::wrong_value(param, "'auto', 'none', 'required' or an object"));
            }
            _ => {}
        }
        let fields = object_fields(raw, param)?;
        let kind = required_name(&fields, "type", param)?;
        if kind == "allowed_tools" {
            return self.allow(&fields);
        }
        self.find(&fields, param).map(Choice::Named)
    }

    fn allow(&mut self, fields: &[Field<'_>]) -> Result<Choice, RequestError> {
        let param = "tool_choice.tools";
        let choice = match value(fields, "mode") {
            None | Some("\"auto\"") => Choice::Auto,
            Some("\"required\"") => Choice::Required,
            Some(_) => return Err(RequestError::wrong_value("tool_choice.mode", "'auto' or 'required'")),
        };
        let raw = value(fields, "tools").ok_or_else(|| RequestError::missing(param))?;
        let mut allowed = Vec::new();
        for (index, raw) in list(param, raw, TOOLS_MAX)?.into_iter().enumerate() {
            let param = at(param, index);
            allowed.push(self.find(&object_fields(raw, &param)?, &param)?);
        }
        self.tools.retain(|tool| allowed.contains(&tool.name));
        Ok(choice)
    }

    /// The name of the tool that `fields` point at.
    fn find(&self, fields: &[Field<'_>], param: &str) -> Result<String, RequestError> {
        let kind = required_name(fields, "type", param)?;
        let kind = match kind.as_str() {
            "function" => ToolKind::Function,
            "custom" => ToolKind::Custom,
            kind => return Err(unsupported_tool(kind, &format!("{param}.type"))),
        };
        let mut name = required_name(fields, "name", param)?;
        if let Some(namespace) = opt_text(fields, "namespace", param)? {
            name = Namespaced { namespace, name }.flat();
        }
        if self.tools.iter().any(|tool| tool.name == name && tool.kind == kind) {
            return Ok(name);
        }
        Err(RequestError::wrong_value(&format!("{param}.name"), "the name of one of 'tools'"))
    }
}

fn function(fields: &[Field<'_>], param: &str) -> Result<Tool, RequestError> {
    let parameters = value(fields, "parameters");
    if parameters.is_some_and(|raw| !raw.starts_with('{')) {
        return Err(RequestError::wrong_type(&format!("{param}.parameters"), "an object"));
    }
    let strict = value(fields, "strict").map(|raw| boolean(&format!("{param}.strict"), raw)).transpose()?;
    Ok(Tool {
        name: required_name(fields, "name", param)?,
        description: opt_text(fields, "description", param)?,
        parameters: parameters.map(str::to_owned),
        strict,
        kind: ToolKind::Function,
    })
}

/// Upstreams cannot keep to a grammar, so the model is told of it in words.
fn custom(fields: &[Field<'_>], param: &str) -> Result<Tool, RequestError> {
    let mut description = opt_text(fields, "description", param)?;
    if let Some(format) = value(fields, "format") {
        let param = format!("{param}.format");
        let format = object_fields(format, &param)?;
        match required_name(&format, "type", &param)?.as_str() {
            "text" => {}
            "grammar" => {
                let syntax = required_name(&format, "syntax", &param)?;
                let definition = value(&format, "definition")
                    .map(|raw| super::parameters::text(&format!("{param}.definition"), raw))
                    .transpose()?
                    .ok_or_else(|| RequestError::missing(&format!("{param}.definition")))?;
                let told = description.map(|said| said + "\n\n").unwrap_or_default();
                description =
                    Some(format!("{told}The input must match this {syntax} grammar:\n{definition}"));
            }
            _ => return Err(RequestError::wrong_value(&format!("{param}.type"), "'text' or 'grammar'")),
        }
    }
    let name = required_name(fields, "name", param)?;
    Ok(Tool { name, description, parameters: None, strict: None, kind: ToolKind::Custom })
}
