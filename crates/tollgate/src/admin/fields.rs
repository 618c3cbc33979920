//! The fields of a request: a JSON body, or the parameters of a query.
//!
//! A reader asks for the fields that it knows; [`Fields::finish`] refuses those that nobody asked for. A field that
//! comes twice is refused as well, so that nobody can mean one value and be given the other.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::ledger::check_name;

use super::AdminError;

/// Names, amounts and references fit in a fraction of it.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// For a body of a few hundred bytes.
pub(super) const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// The fields of one request.
#[derive(Debug)]
pub(super) struct Fields {
    values: BTreeMap<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    /// A text that may be missing or null.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, AdminError> {
        self.known.push(name);
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(AdminError::invalid(name, format!("'{name}' must be a string."))),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, AdminError> {
        self.optional_text(name)?.ok_or_else(|| AdminError::invalid(name, format!("'{name}' is missing.")))
    }

    /// The name of an account or a key, which must be there.
    pub(super) fn name(&mut self, field: &'static str) -> Result<String, AdminError> {
        let name = self.text(field)?;
        check_name(&name).map_err(|error| AdminError::invalid(field, format!("'{field}': {error}.")))?;
        Ok(name)
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<(), AdminError> {
        match self.values.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message = format!("'{name}' is unknown; known here: {}.", self.known.join(", "));
                Err(AdminError::invalid(name, message))
            }
        }
    }
}

/// A JSON body.
#[derive(Debug)]
pub(super) struct JsonFields(pub(super) Fields);

impl<S: Sync> FromRequest<S> for JsonFields {
    type Rejection = AdminError;

    async fn from_request(request: Request, _state: &S) -> Result<JsonFields, AdminError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            return Err(AdminError::NotJson);
        }
        let read = tokio::time::timeout(BODY_DEADLINE, to_bytes(request.into_body(), BODY_BYTES_MAX));
        let body = read.await.map_err(|_| AdminError::TooSlow)?.map_err(|_| AdminError::TooLarge)?;
        let values: Unique = serde_json::from_slice(&body).map_err(|error| AdminError::Invalid {
            param: None,
            message: format!("The body is no JSON object with each field once: {error}."),
        })?;
        Ok(JsonFields(Fields { values: values.0, known: Vec::new() }))
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct QueryFields(pub(super) Fields);

impl<S: Sync> FromRequestParts<S> for QueryFields {
    type Rejection = AdminError;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _state: &S,
    ) -> Result<QueryFields, AdminError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            AdminError::Invalid { param: None, message: "The query is malformed.".to_owned() }
        })?;
        let mut values = BTreeMap::new();
        for (name, text) in pairs {
            if values.insert(name.clone(), Value::String(text)).is_some() {
                return Err(AdminError::invalid(&name, format!("'{name}' is there twice.")));
            }
        }
        Ok(QueryFields(Fields { values, known: Vec::new() }))
    }
}

/// A JSON object each of whose fields comes once.
struct Unique(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unique, D::Error> {
        deserializer.deserialize_map(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut values = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if values.contains_key(&name) {
                return Err(A::Error::custom("a field comes twice"));
            }
            values.insert(name, value);
        }
        Ok(Unique(values))
    }
}
