//! What handlers take from a request beside its caller: a JSON body, the parameters of a query, an id in the path.
//!
//! Each is parsed into a type that cannot be wrong, and what does not parse is refused by its name. Bodies and queries
//! are structs with `#[serde(deny_unknown_fields)]`: a field that comes twice is refused as well, so that nobody can
//! mean one value and be given the other.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Refusal};
use crate::pipeline::{BodyLimit, read_body};

/// Names, amounts and references fit in a fraction of it; the time is for a body of a few hundred bytes.
const BODY_LIMIT: BodyLimit<'static> =
    BodyLimit { bytes_max: 64 * 1024, time_max: Duration::from_secs(10), memory: None };

/// A JSON object of at most 64 KiB that arrives within 10 s, and is declared as JSON.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<JsonBody<T>, ApiError> {
        let (_, bytes) = read_json(request).await?;
        parse_body(&bytes).map(JsonBody)
    }
}

/// The head of a request, and the bytes of its body, which is declared as JSON.
pub(super) async fn read_json(request: Request) -> Result<(Parts, Bytes), ApiError> {
    read_json_within(request, BODY_LIMIT).await
}

/// The same, within another limit.
pub(super) async fn read_json_within(
    request: Request,
    limit: BodyLimit<'_>,
) -> Result<(Parts, Bytes), ApiError> {
    let (head, body) = request.into_parts();
    if !head.headers.contains_key(CONTENT_TYPE) {
        return Err(Refusal::ContentType(String::new()).into());
    }
    let bytes = read_body(&head.headers, body, limit).await?;
    Ok((head, bytes))
}

pub(super) fn parse_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A struct could also be read from an array of its fields in order, which names none of them.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("invalid_json", "The body is no JSON object."));
    }
    let no_json =
        |error: &serde_json::Error| invalid("invalid_json", format!("The body is no JSON: {error}."));
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut json).map_err(|error| match error.inner() {
        data if data.is_data() => refused(&error.path().to_string(), &data.to_string()),
        syntax => no_json(syntax),
    })?;
    json.end().map_err(|error| no_json(&error))?;
    Ok(body)
}

/// The parameters of a query.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<QueryParams<T>, ApiError> {
        parse_query(parts.uri.query().unwrap_or_default()).map(QueryParams)
    }
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| refused(&error.path().to_string(), &error.inner().to_string()))
}

/// An id as the last parameter of a path. What is no id names nothing, as an id that nobody has.
#[derive(Debug)]
pub struct PathId<T>(pub T);

/// What a path can name.
pub trait Named: FromStr {
    /// The answer to a name that nothing has.
    fn unknown() -> ApiError;
}

impl<T: Named, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId<T>, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(PathId).ok_or_else(T::unknown)
    }
}

/// What serde says of a field, as an error that names it. Where the field is missing or there twice, the path ends at
/// the object around it, and serde's sentence has its name.
fn refused(path: &str, said: &str) -> ApiError {
    // A position tells nothing where a field is named.
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    let named = |beginning: &str| {
        let (name, _) = said.strip_prefix(beginning)?.split_once('`')?;
        Some(inside(path, name))
    };
    if let Some(param) = named("missing field `") {
        return invalid("missing_required_parameter", format!("'{param}' is missing.")).param(param);
    }
    if let Some(param) = named("duplicate field `") {
        return invalid("duplicate_parameter", format!("'{param}' is given twice.")).param(param);
    }
    if let Some(param) = named("unknown field `") {
        let known = said.split_once(", expected ").map_or("there are none", |(_, known)| known);
        let message = format!("'{param}' is unknown here; known: {}.", known.replace('`', "'"));
        return invalid("unknown_parameter", message).param(param);
    }
    match path {
        "." => invalid("invalid_value", format!("Refused: {said}.")),
        path => invalid("invalid_value", format!("'{path}': {said}.")).param(path),
    }
}

/// The path of a field `name` of what is at `path`, which may name it already.
fn inside(path: &str, name: &str) -> String {
    match path {
        "." => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    }
}

fn invalid(code: &'static str, message: impl Display) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message.to_string())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{parse_body, parse_query};
    use crate::error::ApiError;
    use crate::http::field::{Amount, Name};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "name")]
        _name: Name,
        #[serde(rename = "limits")]
        _limits: Option<Limits>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        #[serde(rename = "day")]
        _day: Amount,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        #[serde(rename = "limit")]
        _limit: u8,
        #[serde(rename = "cursor")]
        _cursor: Option<String>,
    }

    fn assert_refused(error: &ApiError, text: &str, code: &str, param: Option<&str>) {
        assert_eq!((error.code(), error.body.param.as_deref()), (Some(code), param), "{text}: {error:?}");
        assert_eq!(error.status, 400, "{text}");
    }

    #[test]
    fn what_is_wrong_in_a_body_is_named_at_any_depth() {
        for (text, code, param) in [
            ("{}", "missing_required_parameter", Some("name")),
            (r#"{"name":7}"#, "invalid_value", Some("name")),
            (r#"{"name":"\n"}"#, "invalid_value", Some("name")),
            (r#"{"name":"a","name":"a"}"#, "duplicate_parameter", Some("name")),
            (r#"{"name":"a","nam":1}"#, "unknown_parameter", Some("nam")),
            (r#"{"name":"a","limits":{}}"#, "missing_required_parameter", Some("limits.day")),
            (r#"{"name":"a","limits":{"day":"0"}}"#, "invalid_value", Some("limits.day")),
            (r#"{"name":"a","limits":{"day":"1","day":"1"}}"#, "duplicate_parameter", Some("limits.day")),
            (r#"{"name":"a","limits":{"week":"1"}}"#, "unknown_parameter", Some("limits.week")),
            (r#"["a",null]"#, "invalid_json", None),
            (r#"{"name":"a"}}"#, "invalid_json", None),
            (r#"{"name":"a""#, "invalid_json", None),
            ("", "invalid_json", None),
            ("{\"name\":\"\u{0}\"}", "invalid_json", None),
        ] {
            assert_refused(&parse_body::<Body>(text.as_bytes()).unwrap_err(), text, code, param);
        }
        assert!(parse_body::<Body>(b" {\"name\":\"a\",\"limits\":{\"day\":\"0.5\"}}\n").is_ok());
    }

    #[test]
    fn what_is_wrong_in_a_query_is_named() {
        for (text, code, param) in [
            ("", "missing_required_parameter", Some("limit")),
            ("limit=", "invalid_value", Some("limit")),
            ("limit=256", "invalid_value", Some("limit")),
            ("limit=1&limit=1", "duplicate_parameter", Some("limit")),
            ("limit=1&x", "unknown_parameter", Some("x")),
        ] {
            assert_refused(&parse_query::<Query>(text).unwrap_err(), text, code, param);
        }
        assert!(parse_query::<Query>("cursor=%ff&limit=%31").is_ok());
    }
}
