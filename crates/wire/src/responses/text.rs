//! The parameter `text`: the form of the answer and how much it says.

use super::parameters::{text, word_required};
use crate::object::Object;
use crate::pivot::Format;
use crate::request_error::RequestError;

/// What `text` holds.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) format: Option<Format>,
    pub(super) verbosity: Option<String>,
}

impl Text {
    pub(super) fn read(body: &Object<'_>) -> Result<Text, RequestError> {
        let Some(told) = body.object("text")? else { return Ok(Text::default()) };
        let format = match told.object("format")? {
            Some(told) => format(&told)?,
            None => None,
        };
        Ok(Text { format, verbosity: text(&told, "verbosity")? })
    }
}

fn format(told: &Object<'_>) -> Result<Option<Format>, RequestError> {
    match word_required(told, "type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let schema = told.raw_object("schema")?;
            let schema = schema.ok_or_else(|| RequestError::missing(&told.path_of("schema")))?;
            Ok(Some(Format::JsonSchema {
                name: word_required(told, "name")?,
                description: text(told, "description")?,
                schema: schema.to_owned(),
                strict: told.boolean("strict")?,
            }))
        }
        _ => {
            let expected = "'text', 'json_object' or 'json_schema'";
            Err(RequestError::wrong_value(&told.path_of("type"), expected))
        }
    }
}
