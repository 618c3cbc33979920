//! What a client gave, as the response object shows it.

use super::extras::Extras;
use super::object_writer::{ObjectWriter, array};
use crate::json;
use crate::object::Object;
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
    let Ok(given) = Object::read(raw, String::new()) else { return raw.to_owned() };
    if given.raw("type") != Some("\"function\"") {
        return raw.to_owned();
    }
    let has = |key: &str| given.fields().iter().any(|field| field.key == key);
    let missing = FUNCTION_KEYS.into_iter().filter(|key| !has(key));
    missing.fold(ObjectWriter::default().fields_of(raw), |tool, key| tool.raw(key, "null")).close()
}

fn tool(tool: &Tool) -> String {
    let description = tool.description.as_deref();
    match tool.kind {
        ToolKind::Function => ObjectWriter::of_type("function")
            .text("name", &tool.name)
            .text_or_null("description", description)
            .raw("parameters", tool.parameters.as_deref().unwrap_or("null"))
            .raw("strict", boolean_or_null(tool.strict))
            .close(),
        ToolKind::Custom => {
            let shown = ObjectWriter::of_type("custom").text("name", &tool.name);
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
        Some(Choice::Named(name)) => ObjectWriter::of_type("function").text("name", name).close(),
    }
}

pub(super) fn text(settings: &Settings, extras: &Extras) -> String {
    let format = match &settings.format {
        None => ObjectWriter::of_type("text"),
        Some(Format::JsonObject) => ObjectWriter::of_type("json_object"),
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            ObjectWriter::of_type("json_schema")
                .text("name", name)
                .text_or_null("description", description.as_deref())
                .raw("schema", schema)
                .raw("strict", boolean_or_null(*strict))
        }
    };
    let text = ObjectWriter::default().raw("format", &format.close());
    match &extras.verbosity {
        Some(verbosity) => text.text("verbosity", verbosity).close(),
        None => text.close(),
    }
}

pub(super) fn reasoning(settings: &Settings, extras: &Extras) -> String {
    ObjectWriter::default()
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
