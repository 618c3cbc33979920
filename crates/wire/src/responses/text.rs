//! The parameter `text`: the form of the answer and how much it says.

use super::parameters::{object_fields, opt_text, required_name, value};
use crate::chat::parameters::boolean;
use crate::pivot::Format;
use crate::request_error::RequestError;

/// What `text` holds.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) format: Option<Format>,
    pub(super) verbosity: Option<String>,
}

impl Text {
    pub(super) fn read(raw: &str) -> Result<Text, RequestError> {
        let fields = object_fields(raw, "text")?;
        let format = match value(&fields, "format") {
            Some(raw) => format(raw)?,
            None => None,
        };
        Ok(Text { format, verbosity: opt_text(&fields, "verbosity", "text")? })
    }
}

fn format(raw: &str) -> Result<Option<Format>, RequestError> {
    let param = "text.format";
    let fields = object_fields(raw, param)?;
    match required_name(&fields, "type", param)?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let schema =
                value(&fields, "schema").ok_or_else(|| RequestError::missing("text.format.schema"))?;
            if !schema.starts_with('{') {
                return Err(RequestError::wrong_type("text.format.schema", "an object"));
            }
            Ok(Some(Format::JsonSchema {
                name: required_name(&fields, "name", param)?,
                description: opt_text(&fields, "description", param)?,
                schema: schema.to_owned(),
                strict: value(&fields, "strict").map(|raw| boolean("text.format.strict", raw)).transpose()?,
            }))
        }
        _ => Err(RequestError::wrong_value("text.format.type", "'text', 'json_object' or 'json_schema'")),
    }
}
