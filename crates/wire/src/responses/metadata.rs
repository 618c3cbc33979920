//! What a client notes of a response or of a conversation.

use crate::object::Object;
use crate::request_error::RequestError;

/// Pairs of `metadata`, and characters of their keys and values, as at OpenAI.
const PAIRS_MAX: usize = 16;
const KEY_CHARS_MAX: usize = 64;
const VALUE_CHARS_MAX: usize = 512;

/// Checks `metadata`, which is kept as it was written: an object of at most 16 pairs, with keys of 1 to 64 characters and
/// texts of at most 512.
///
/// # Errors
/// It is something else.
pub fn check_metadata(raw: &str) -> Result<(), RequestError> {
    let metadata = Object::read(raw, "metadata".to_owned())?;
    if metadata.fields().len() > PAIRS_MAX {
        return Err(RequestError::wrong_value(
            "metadata",
            &format!("an object of at most {PAIRS_MAX} pairs"),
        ));
    }
    for field in metadata.fields() {
        if !(1..=KEY_CHARS_MAX).contains(&field.key.chars().count()) {
            let expected = format!("an object whose keys have 1 to {KEY_CHARS_MAX} characters");
            return Err(RequestError::wrong_value("metadata", &expected));
        }
        let path = metadata.path_of(&field.key);
        let text =
            crate::json::string(field.value).ok_or_else(|| RequestError::wrong_type(&path, "a string"))?;
        if text.chars().count() > VALUE_CHARS_MAX {
            let expected = format!("a string of at most {VALUE_CHARS_MAX} characters");
            return Err(RequestError::wrong_value(&path, &expected));
        }
    }
    Ok(())
}
