//! A value that fits a simple JSON schema, for structured answers and tool arguments.

use serde_json::{Map, Value, json};

use super::words::sentence;
use crate::dice::Dice;

/// Deeper schemas, recursive ones above all, end in `null`.
const DEPTH_MAX: usize = 8;
/// `minItems` is honoured up to here.
const ITEMS_MAX: u64 = 8;

pub(super) fn example(schema: &Value, dice: &mut Dice) -> Value {
    value(schema, schema, dice, 0)
}

fn value(schema: &Value, root: &Value, dice: &mut Dice, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(Value::Null, |found| value(found, root, dice, depth + 1));
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array).filter(|list| !list.is_empty()) {
        return allowed[dice.below(allowed.len())].clone();
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(|list| list.get(0)) {
            return value(first, root, dice, depth + 1);
        }
    }
    match kind(schema) {
        "object" => object(schema, root, dice, depth),
        "array" => {
            let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, ITEMS_MAX);
            let item = schema.get("items").unwrap_or(&Value::Null);
            (0..count).map(|_| value(item, root, dice, depth + 1)).collect()
        }
        "integer" | "number" => number(schema, dice),
        "boolean" => Value::Bool(dice.below(2) == 0),
        "null" => Value::Null,
        _ => Value::String(text(schema, dice)),
    }
}

/// The schema's type; of several, the first that is not `null`.
fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    named.unwrap_or(if schema.get("properties").is_some() { "object" } else { "string" })
}

fn object(schema: &Value, root: &Value, dice: &mut Dice, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flatten();
    let made: Map<String, Value> =
        fields.map(|(name, inner)| (name.clone(), value(inner, root, dice, depth + 1))).collect();
    Value::Object(made)
}

fn number(schema: &Value, dice: &mut Dice) -> Value {
    let least = ["minimum", "exclusiveMinimum"].iter().find_map(|key| schema.get(key)?.as_i64());
    let most = ["maximum", "exclusiveMaximum"].iter().find_map(|key| schema.get(key)?.as_i64());
    let roll = i64::try_from(dice.below(90)).unwrap_or(0);
    let step = i64::from(schema.get("exclusiveMinimum").is_some());
    let low = least.map_or(1, |least| least.saturating_add(step));
    let picked = low.saturating_add(roll);
    let ceiling = most.map(|most| most - i64::from(schema.get("exclusiveMaximum").is_some()));
    json!(ceiling.map_or(picked, |ceiling| picked.min(ceiling)))
}

fn text(schema: &Value, dice: &mut Dice) -> String {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => return "2026-03-14".to_owned(),
        Some("date-time") => return "2026-03-14T15:09:26Z".to_owned(),
        Some("email") => return "someone@example.com".to_owned(),
        Some("uri") => return "https://example.com/".to_owned(),
        Some("uuid") => return "3f2b8c1e-9d4a-4c6b-8e7f-0a1b2c3d4e5f".to_owned(),
        _ => {}
    }
    let length =
        |key| schema.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let mut text = sentence(dice, 3).concat();
    while text.chars().count() < length("minLength").unwrap_or(0).min(10_000) {
        text.push_str(" and on");
    }
    match length("maxLength") {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}
