//! The OpenAPI document of a listener, from its routes.
//!
//! Each listener serves its own: every path in a document is then one of the server that it was read from, tools need
//! no settings, and strangers are told nothing of the admin API.

use std::collections::HashMap;

use bytes::Bytes;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::describe::{self, ADMIN_SCHEME, ErrorReply, KEY_SCHEME, X_API_KEY_SCHEME};
use super::routes::Routes;

/// What a document says of the whole.
pub(crate) struct About {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    /// The groups of endpoints, in the order of reading.
    pub(crate) tags: &'static [(&'static str, &'static str)],
    /// Statuses that the listener itself can answer to anything.
    pub(crate) answers: &'static [&'static str],
}

/// The description of a listener.
pub(crate) fn document<S>(about: &About, mut routes: Routes<S>) -> OpenApi {
    for (path, item) in &mut routes.paths.paths {
        for (_, operation) in describe::operations(item) {
            describe::add_answers(operation, path, about.answers.iter().copied());
        }
    }
    let mut schemas = routes.schemas;
    schemas.push((ErrorReply::name().into_owned(), ErrorReply::schema()));
    ErrorReply::schemas(&mut schemas);
    let x_api_key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key")));
    debug_assert_eq!(doubly_named(&schemas), None, "two types have one name in the description");
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(KEY_SCHEME, bearer("A key of an account."))
        .security_scheme(X_API_KEY_SCHEME, x_api_key)
        .security_scheme(ADMIN_SCHEME, bearer("The operator's key."))
        .build();
    let info = InfoBuilder::new().title(about.title).version(env!("CARGO_PKG_VERSION"));
    let tag = |(name, text): &(&str, &str)| TagBuilder::new().name(*name).description(Some(*text)).build();
    OpenApiBuilder::new()
        .info(info.description(Some(about.text)).build())
        .tags(Some(about.tags.iter().map(tag).collect::<Vec<_>>()))
        .paths(routes.paths)
        .components(Some(components))
        .build()
}

/// A name that two different schemas have: the later would take the earlier's place wherever that is meant.
fn doubly_named(schemas: &[(String, RefOr<Schema>)]) -> Option<&str> {
    let mut by_name = HashMap::new();
    let double = schemas.iter().find(|(name, schema)| *by_name.entry(name).or_insert(schema) != schema)?;
    Some(&double.0)
}

/// The document as it is sent.
pub(crate) fn render(document: &OpenApi) -> Bytes {
    // Writing maps with text keys to memory cannot fail; a test reads what is sent.
    serde_json::to_vec(document).map(Bytes::from).unwrap_or_default()
}

fn bearer(text: &str) -> SecurityScheme {
    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build())
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::doubly_named;

    #[test]
    fn one_name_of_two_schemas_is_found() {
        let named = |name: &str, schema| (name.to_owned(), schema);
        let (text, number) = (String::schema(), u64::schema());
        let same = [named("A", text.clone()), named("B", number.clone()), named("A", text.clone())];
        assert_eq!(doubly_named(&same), None);
        assert_eq!(doubly_named(&[named("A", text), named("A", number)]), Some("A"));
    }
}
