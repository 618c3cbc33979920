//! Tools that take free text. Upstreams are told a function with one string, `input`.

use crate::json;

/// The free text in the arguments of the function: its `input`, or all of it when it is no such object.
pub(super) fn free_text(arguments: String) -> String {
    let input = match json::fields(arguments.trim_ascii(), 1).as_deref() {
        Ok([field]) if field.key == "input" => json::string(field.value).map(|text| text.into_owned()),
        _ => None,
    };
    input.unwrap_or(arguments)
}
