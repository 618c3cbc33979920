//! Writing JSON objects key by key.

use crate::json;

/// A JSON object that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectWriter(Vec<u8>);

impl ObjectWriter {
    /// An object whose first field is `type`.
    pub(super) fn of_type(kind: &str) -> ObjectWriter {
        ObjectWriter::default().text("type", kind)
    }

    /// Adds a string.
    pub(super) fn text(mut self, key: &str, text: &str) -> ObjectWriter {
        self.key(key);
        json::write_string(&mut self.0, text);
        self
    }

    /// Adds a string or `null`.
    pub(super) fn text_or_null(self, key: &str, text: Option<&str>) -> ObjectWriter {
        match text {
            Some(text) => self.text(key, text),
            None => self.raw(key, "null"),
        }
    }

    /// Adds a value that is JSON already.
    pub(super) fn raw(mut self, key: &str, value: &str) -> ObjectWriter {
        self.key(key);
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    /// Adds what displays itself as JSON: a number, a boolean.
    pub(super) fn plain(self, key: &str, value: impl std::fmt::Display) -> ObjectWriter {
        self.raw(key, &value.to_string())
    }

    /// Adds the fields of `object`, which is JSON.
    pub(super) fn fields_of(mut self, object: &str) -> ObjectWriter {
        let inside = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        if !inside.is_empty() {
            self.separate();
            self.0.extend_from_slice(inside.as_bytes());
        }
        self
    }

    /// The JSON.
    pub(super) fn close(mut self) -> String {
        if self.0.is_empty() {
            self.0.push(b'{');
        }
        self.0.push(b'}');
        // Everything in it came from strings.
        String::from_utf8(self.0).unwrap_or_default()
    }

    fn key(&mut self, key: &str) {
        self.separate();
        json::write_string(&mut self.0, key);
        self.0.push(b':');
    }

    fn separate(&mut self) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
    }
}

/// A JSON array of values that are JSON already.
pub(super) fn array<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(value);
    }
    out.push(']');
    out
}
