//! What a client gave, as the response object shows it.

use super::extras::Extras;
use super::object::{Object, array};
use super::parameters::object_fields;
use crate::json;
use crate::pivot::{Choice, Format, Settings, Tool, ToolKind};

/// Tools of one request, those of a namespace included.
const TOOLS_MAX: usize = 10_000;

/// Keys that clients look for in a function.
const FUNCTION_KEYS: [&str; 3] = ["description", "parameters", "strict"];

/// A field of the request that passes.
pub(super) fn passing<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    let raw = settings.passing.iter().find(|(name, _)| name == key).map(|(_, raw)| raw.as_str())?;
    (raw != "null").then_some(raw)
}

/// The tier that serves the call. `auto` is a wish and no tier.
pub(super) fn service_tier(settings: &Settings) -> &str {
    match passing(settings, "service_tier") {
        None | Some("\"auto\"") => "\"default\"",
        Some(tier) => tier,
    }
}

pub(super) fn tools(settings: &Settings, extras: &Extras) -> String {
    let shown: Vec<String> = match &extras.tools {
        Some(raw) => json::elements(raw, TOOLS_MAX).unwrap_or_default().into_iter().map(complete).collect(),
        None => settings.tools.iter().map(tool).collect(),
    };
    array(shown.iter().map(String::as_str))
}

/// A tool as the client gave it, with the keys that it left out.
fn complete(raw: &str) -> String {
    let fields = object_fields(raw, "tools").unwrap_or_default();
    let given = |key: &str| fields.iter().any(|field| field.key == key);
    if !fields.iter().any(|field| field.key == "type" && field.value == "\"function\"") {
        return raw.to_owned();
    }
    let missing = FUNCTION_KEYS.into_iter().filter(|key| !given(key));
    missing.fold(Object::default().fields_of(raw), |tool, key| tool.raw(key, "null")).close()
}

fn tool(tool: &Tool) -> String {
    let description = tool.description.as_deref();
    match tool.kind {
        ToolKind::Function => Object::of_type("function")
            .text("name", &tool.name)
            .text_or_null("description", description)
            .raw("parameters", tool.parameters.as_deref().unwrap_or("null"))
            .raw("strict", boolean_or_null(tool.strict))
            .close(),
        ToolKind::Custom => {
            let shown = Object::of_type("custom").text("name", &tool.name);
            shown.text_or_null("description", description).raw("format", "{\"type\":\"text\"}").close()
        }
    }
}

pub(super) fn choice(settings: &Settings, extras: &Extras) -> String {
    if let Some(raw) = &extras.tool_choice {
        return raw.clone();
    }
    match &settings.choice {
        None | Some(Choice::Auto) => "\"auto\"".to_owned(),
        Some(Choice::None) => "\"none\"".to_owned(),
        Some(Choice::Required) => "\"required\"".to_owned(),
        Some(Choice::Named(name)) => Object::of_type("function").text("name", name).close(),
    }
}

pub(super) fn text(settings: &Settings, extras: &Extras) -> String {
    let format = match &settings.format {
        None => Object::of_type("text"),
        Some(Format::JsonObject) => Object::of_type("json_object"),
        Some(Format::JsonSchema { name, description, schema, strict }) => Object::of_type("json_schema")
            .text("name", name)
            .text_or_null("description", description.as_deref())
            .raw("schema", schema)
            .raw("strict", boolean_or_null(*strict)),
    };
    let text = Object::default().raw("format", &format.close());
    match &extras.verbosity {
        Some(verbosity) => text.text("verbosity", verbosity).close(),
        None => text.close(),
    }
}

pub(super) fn reasoning(settings: &Settings, extras: &Extras) -> String {
    Object::default()
        .text_or_null("effort", settings.effort.as_deref())
        .text_or_null("summary", extras.summary.as_deref())
        .close()
}

fn boolean_or_null(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "true",
        Some(false) => "false",
        None => "null",
    }
}
