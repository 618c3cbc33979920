//! How the answer is to be made, where Anthropic says it otherwise than chat: thinking, the form, what cannot be had.

use crate::object::Object;
use crate::parameters;
use crate::pivot::Format;
use crate::request_error::RequestError;

/// The largest budget, in tokens, that asks for little thinking. A budget of Anthropic starts at 1,024.
const LOW_BUDGET_MAX: u64 = 2_048;

/// The largest budget, in tokens, that asks for some thinking. A larger one asks for much.
const MEDIUM_BUDGET_MAX: u64 = 8_192;

/// The largest budget: what fits a signed 32-bit integer, as for output limits.
const BUDGET_MAX: u64 = (1 << 31) - 1;

/// Fields that name something of Anthropic's service, each with the value that asks for nothing.
const HOSTED: [(&str, &str); 3] =
    [("container", "{}"), ("inference_geo", "\"global\""), ("mcp_servers", "[]")];

/// How much to think. Only a budget says it.
///
/// `adaptive` leaves it to the model, and clients send it with an effort to models of every kind, also to those that do
/// not think and refuse a request that names an effort. So it says nothing here, and neither does `disabled`: chat has no
/// word for it that every upstream takes.
pub(super) fn effort(body: &Object<'_>) -> Result<Option<String>, RequestError> {
    let Some(thinking) = body.object("thinking")? else { return Ok(None) };
    match thinking.text_required("type")?.as_ref() {
        "adaptive" | "disabled" => Ok(None),
        "enabled" => {
            let param = thinking.path_of("budget_tokens");
            let raw = thinking.raw("budget_tokens").ok_or_else(|| RequestError::missing(&param))?;
            let budget = parameters::integer(&param, raw, 1, BUDGET_MAX)?;
            let effort = if budget <= LOW_BUDGET_MAX {
                "low"
            } else if budget <= MEDIUM_BUDGET_MAX {
                "medium"
            } else {
                "high"
            };
            Ok(Some(effort.to_owned()))
        }
        _ => Err(RequestError::wrong_value(&thinking.path_of("type"), "enabled, adaptive or disabled")),
    }
}

/// The form of the answer: `output_config.format`, or its older place `output_format`.
pub(super) fn format(body: &Object<'_>) -> Result<Option<Format>, RequestError> {
    let nested = match body.object("output_config")? {
        Some(config) => config.object("format")?,
        None => None,
    };
    let format = match (nested, body.object("output_format")?) {
        (Some(_), Some(_)) => {
            let message = "give either 'output_config.format' or 'output_format', not both";
            return Err(RequestError::new("invalid_value", "output_format", message));
        }
        (None, None) => return Ok(None),
        (Some(format), None) | (None, Some(format)) => format,
    };
    if format.text_required("type")? != "json_schema" {
        return Err(RequestError::wrong_value(&format.path_of("type"), "json_schema"));
    }
    let schema =
        format.raw_object("schema")?.ok_or_else(|| RequestError::missing(&format.path_of("schema")))?;
    // Chat wants a name, and Anthropic's form always keeps to its schema.
    Ok(Some(Format::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: schema.to_owned(),
        strict: Some(true),
    }))
}

/// Refuses what runs at Anthropic and nowhere else, and would be missed in the answer.
pub(super) fn refuse_hosted(body: &Object<'_>) -> Result<(), RequestError> {
    for (key, harmless) in HOSTED {
        if body.raw(key).is_some_and(|raw| raw != harmless) {
            let message = format!("'{key}' needs Anthropic's own service, so it is not supported");
            return Err(RequestError::new("unsupported_parameter", key, message));
        }
    }
    Ok(())
}
