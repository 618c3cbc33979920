//! Paths with parameters, written so that no value can be taken for another one.

use form_urlencoded::Serializer;

/// A path and its parameters.
pub(super) struct Query {
    path: String,
    parameters: Serializer<'static, String>,
}

impl Query {
    pub(super) fn new(path: &str) -> Query {
        Query { path: path.to_owned(), parameters: Serializer::new(String::new()) }
    }

    /// Adds a parameter that has a value.
    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.parameters.append_pair(name, value);
        }
    }

    pub(super) fn into_path(mut self) -> String {
        format!("{}?{}", self.path, self.parameters.finish())
    }
}
