//! The body of a request of any dialect: JSON within limits, as its fields.

use crate::json::{self, Field, Unreadable};
use crate::request_error::RequestError;

/// Arrays and objects that may nest in a body, itself included. Real requests, tool schemas included, stay below 20.
const DEPTH_MAX: usize = 64;

/// Top-level fields of a body. Real requests have about 10.
const FIELDS_MAX: usize = 1_000;

/// The body of a request as text, and its fields in their order, duplicates included.
///
/// # Errors
/// It is no JSON object, or one beyond the limits.
pub(crate) fn fields_of_body(body: &[u8]) -> Result<(&str, Vec<Field<'_>>), RequestError> {
    let text = str::from_utf8(body)
        .map_err(|_| RequestError::body("invalid_json", "the body is not valid UTF-8"))?;
    if json::is_deeper_than(body, DEPTH_MAX) {
        let message = format!("the body nests deeper than {DEPTH_MAX} levels");
        return Err(RequestError::body("body_too_deep", message));
    }
    let fields = json::fields(text, FIELDS_MAX).map_err(|error| body_error(&error))?;
    Ok((text, fields))
}

fn body_error(error: &Unreadable) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::body("too_many_fields", format!("the body has more than {FIELDS_MAX} fields"))
        }
        Unreadable::Json(error) if error.is_data() => {
            RequestError::body("invalid_json", "the body must be one JSON object")
        }
        Unreadable::Json(error) => {
            RequestError::body("invalid_json", format!("the body is not JSON: {error}"))
        }
    }
}
