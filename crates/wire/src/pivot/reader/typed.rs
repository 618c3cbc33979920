//! What the raw text of an argument says, by the schema of its tool.
//!
//! Strings, also those that may be null, are told from other types as vLLM's parser `qwen3_coder` tells them. All else is
//! JSON where it can be, also where the schema has no type, as with its parser for GLM.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::{self, Field};
use crate::pivot::item::ToolKind;
use crate::pivot::request::Callable;

/// Fields of a schema, and parameters of a tool that are looked at: tools have tens at most. Of a tool with more, no types
/// are known.
const FIELDS_MAX: usize = 1_000;

/// Bytes of a tool's schema that is looked at: it is parsed with every call, and real ones have a few thousand. Of a
/// larger one, no types are known.
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// Types that a parameter may have: JSON has seven.
const TYPES_MAX: usize = 16;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// A string, whatever the text looks like.
    Text,
    /// A string or null.
    TextOrNull,
    /// The value that the text is as JSON, where it is some, else a string. Also where no type is known.
    Json,
}

/// The arguments of a call of `tool` as a JSON object, of keys and the raw text of their values.
pub(super) fn arguments<'t>(tool: &Callable, given: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let schema = tool.parameters.as_deref().filter(|schema| schema.len() <= SCHEMA_BYTES_MAX);
    let schema = schema.map(fields).unwrap_or_default();
    let parameters = field(&schema, "properties").map(fields).unwrap_or_default();
    let mut object = String::from("{");
    for (key, text) in given {
        let takes = match tool.kind {
            ToolKind::Custom => Takes::Text,
            ToolKind::Function => field(&parameters, key).map_or(Takes::Json, takes),
        };
        if object.len() > 1 {
            object.push(',');
        }
        object.push_str(&Value::from(key).to_string());
        object.push(':');
        object.push_str(&value(text, takes));
    }
    object.push('}');
    object
}

fn value(text: &str, takes: Takes) -> Cow<'_, str> {
    let word = text.trim();
    // Templates write the values of former calls with Python, and models learn from them.
    let json = match (takes, word) {
        (Takes::TextOrNull | Takes::Json, "None" | "null") => Some("null"),
        (Takes::Json, "True") => Some("true"),
        (Takes::Json, "False") => Some("false"),
        (Takes::Json, word) => serde_json::from_str::<&RawValue>(word).ok().map(RawValue::get),
        (Takes::Text | Takes::TextOrNull, _) => None,
    };
    json.map_or_else(|| Value::from(text).to_string().into(), Cow::Borrowed)
}

/// What the parameter of this schema takes: its types stand in `type`, one or a list, or in alternatives.
fn takes(schema: &str) -> Takes {
    let schema = fields(schema);
    let types = match field(&schema, "type") {
        Some(one) => types(one),
        None => {
            ["anyOf", "oneOf"].iter().find_map(|name| field(&schema, name)).map_or_else(Vec::new, |all| {
                let each = json::elements(all, TYPES_MAX).unwrap_or_default();
                each.into_iter().map(|one| field(&fields(one), "type").unwrap_or_default()).collect()
            })
        }
    };
    let null = types.contains(&r#""null""#);
    let text = types.contains(&r#""string""#);
    let other = types.iter().any(|one| !matches!(*one, r#""null""# | r#""string""#));
    match (text && !other, null) {
        (true, false) => Takes::Text,
        (true, true) => Takes::TextOrNull,
        (false, _) => Takes::Json,
    }
}

/// One type or a list of them, each as it is written.
fn types(raw: &str) -> Vec<&str> {
    if raw.starts_with('[') { json::elements(raw, TYPES_MAX).unwrap_or_default() } else { vec![raw] }
}

/// The fields of a schema; none of what is no object.
fn fields(raw: &str) -> Vec<Field<'_>> {
    json::fields(raw, FIELDS_MAX).unwrap_or_default()
}

fn field<'a>(fields: &[Field<'a>], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.key == name).map(|field| field.value)
}
