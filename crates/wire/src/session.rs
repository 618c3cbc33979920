//! The client's own name of a conversation, wherever it stands: in a body, in the query, in a header.

use crate::json;
use crate::request_error::RequestError;

/// Characters of the name of a session: room for any id, and short enough to be kept with every receipt.
pub const SESSION_CHARS_MAX: usize = 128;

/// Whether `name` can be that of a session: 1 to [`SESSION_CHARS_MAX`] visible ASCII characters, which may have spaces
/// between them.
#[must_use]
pub fn is_session_name(name: &str) -> bool {
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (1..=SESSION_CHARS_MAX).contains(&name.len())
        && name.bytes().all(visible)
        && name.trim_matches(' ') == name
}

/// Reads the field `session_id` of a body; `null` is none.
pub(crate) fn session_id(raw: &str) -> Result<Option<String>, RequestError> {
    if raw == "null" {
        return Ok(None);
    }
    let name = json::string(raw).ok_or_else(|| RequestError::wrong_type("session_id", "a string"))?;
    if !is_session_name(&name) {
        let expected =
            format!("1 to {SESSION_CHARS_MAX} visible ASCII characters, which may have spaces between them");
        return Err(RequestError::wrong_value("session_id", &expected));
    }
    Ok(Some(name.into_owned()))
}
