//! An object of a request body that becomes a pivot request: its fields by name, each with its path for errors.

use std::borrow::Cow;

use crate::body::fields_of_body;
use crate::json::{self, Field, Unreadable};
use crate::parameters;
use crate::request_error::RequestError;

/// Fields of an object inside a body. The objects that are read have at most a dozen; every pair of names is compared.
const FIELDS_MAX: usize = 64;

/// One object. No name stands twice in it; `null` is the same as absent.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<Field<'a>>,
    /// Where it is in the body: `messages[3].content[0]`; empty for the body itself.
    path: String,
}

impl<'a> Object<'a> {
    /// Reads a whole body.
    pub(crate) fn body(body: &'a [u8]) -> Result<Object<'a>, RequestError> {
        let (_, fields) = fields_of_body(body)?;
        Object::checked(fields, String::new())
    }

    /// Reads the object `raw`, which is at `path`.
    pub(crate) fn read(raw: &'a str, path: String) -> Result<Object<'a>, RequestError> {
        match json::fields(raw, FIELDS_MAX) {
            Ok(fields) => Object::checked(fields, path),
            Err(error) => Err(unreadable(&error, &path, "an object", FIELDS_MAX)),
        }
    }

    fn checked(fields: Vec<Field<'a>>, path: String) -> Result<Object<'a>, RequestError> {
        let object = Object { fields, path };
        for (at, field) in object.fields.iter().enumerate() {
            if object.fields[..at].iter().any(|earlier| earlier.key == field.key) {
                return Err(RequestError::duplicate(&object.path_of(&field.key)));
            }
        }
        Ok(object)
    }

    /// Where its field `key` is in the body.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// All fields, in their order.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The value of `key` as it was written.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .find(|field| field.key == key)
            .map(|field| field.value)
            .filter(|raw| *raw != "null")
    }

    /// The text of `key`.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Cow<'a, str>>, RequestError> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        match json::string(raw) {
            Some(text) => Ok(Some(text)),
            None => Err(RequestError::wrong_type(&self.path_of(key), "a string")),
        }
    }

    /// The text of `key`, which must be there.
    pub(crate) fn text_required(&self, key: &str) -> Result<Cow<'a, str>, RequestError> {
        self.text(key)?.ok_or_else(|| RequestError::missing(&self.path_of(key)))
    }

    /// The name in `key`, of 1 to `chars_max` characters.
    pub(crate) fn name(&self, key: &str, chars_max: usize) -> Result<Option<String>, RequestError> {
        self.raw(key).map(|raw| parameters::name(&self.path_of(key), raw, chars_max)).transpose()
    }

    /// The name in `key`, which must be there.
    pub(crate) fn name_required(&self, key: &str, chars_max: usize) -> Result<String, RequestError> {
        self.name(key, chars_max)?.ok_or_else(|| RequestError::missing(&self.path_of(key)))
    }

    /// The boolean in `key`.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, RequestError> {
        self.raw(key).map(|raw| parameters::boolean(&self.path_of(key), raw)).transpose()
    }

    /// The object in `key`.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Object<'a>>, RequestError> {
        self.raw(key).map(|raw| Object::read(raw, self.path_of(key))).transpose()
    }

    /// The object in `key`, as it was written.
    pub(crate) fn raw_object(&self, key: &str) -> Result<Option<&'a str>, RequestError> {
        match self.raw(key) {
            Some(raw) if !raw.starts_with('{') => {
                Err(RequestError::wrong_type(&self.path_of(key), "an object"))
            }
            raw => Ok(raw),
        }
    }

    /// The elements of the array in `key`, at most `elements_max`.
    pub(crate) fn elements(
        &self,
        key: &str,
        elements_max: usize,
    ) -> Result<Option<Vec<&'a str>>, RequestError> {
        self.raw(key).map(|raw| elements(raw, &self.path_of(key), elements_max)).transpose()
    }
}

/// The elements of the array `raw`, which is at `path`.
pub(crate) fn elements<'a>(
    raw: &'a str,
    path: &str,
    elements_max: usize,
) -> Result<Vec<&'a str>, RequestError> {
    json::elements(raw, elements_max).map_err(|error| unreadable(&error, path, "an array", elements_max))
}

fn unreadable(error: &Unreadable, path: &str, expected: &str, max: usize) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::new("invalid_value", path, format!("'{path}' has more than {max} items"))
        }
        Unreadable::Json(_) => RequestError::wrong_type(path, expected),
    }
}
