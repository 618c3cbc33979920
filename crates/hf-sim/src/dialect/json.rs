//! Writing JSON by hand: chunks are many and alike, so their common parts are copied, not serialised anew.

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends JSON, or any other text, as it is.
pub(super) fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends `,"key":"text"`.
pub(super) fn member(out: &mut Vec<u8>, key: &str, text: &str) {
    raw(out, ",\"");
    raw(out, key);
    raw(out, "\":");
    string(out, text);
}

/// An object with its members in the order given; the values are JSON already. Real bodies have an order, and
/// generic maps would sort it away.
pub(crate) fn object(members: &[(&str, &str)]) -> String {
    let inside: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", inside.join(","))
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
