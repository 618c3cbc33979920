//! What every route's description has in common, written once: who may call it, and what it answers when it refuses.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Response, Schema};

use super::anthropic;
use super::caller::Role;
use super::message_schema::MessageError;
use crate::idempotency::HEADER;

/// The security scheme of keys, and of management keys.
pub(super) const KEY_SCHEME: &str = "key";

/// The same key in the header `x-api-key`.
pub(super) const X_API_KEY_SCHEME: &str = "x-api-key";

/// The security scheme of the admin key.
pub(super) const ADMIN_SCHEME: &str = "admin_key";

/// Every error but those of Anthropic's API, in OpenAI's shape.
#[derive(Debug, ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "it describes what `ApiError` writes")]
pub(super) struct ErrorReply {
    error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes what `ApiError` writes")]
pub(super) struct ErrorObject {
    /// What went wrong and what to do, in a sentence.
    message: String,
    /// The class of the error, as OpenAI names it: `invalid_request_error`.
    r#type: String,
    /// The field or parameter that is at fault.
    #[schema(required)]
    param: Option<String>,
    /// A stable word for programs.
    #[schema(required)]
    code: Option<String>,
}

/// The operations of a path, with their methods.
pub(super) fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?))).collect()
}

/// Writes what follows from the route itself into its description: its id, its role, the answers of the role, of its
/// parameters and of its body, and the shape of every error.
pub(super) fn stamp(operation: &mut Operation, role: Role, method: &str, path: &str) {
    operation.operation_id = Some(operation_id(method, path));
    operation.security = Some(security(role));
    let role_word = serde_json::Value::from(role.as_str());
    operation.extensions.get_or_insert_default().insert("x-tollgate-role".to_owned(), role_word);
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            never_null(parameter);
        }
    }
    let input = input_answers(operation).chain(once_answers(operation).iter().copied());
    add_answers(operation, path, role_answers(role).iter().copied().chain(input));
}

/// Adds statuses that the operation at `path` can answer, and gives all of its answers their shape and meaning.
pub(super) fn add_answers(
    operation: &mut Operation,
    path: &str,
    statuses: impl Iterator<Item = &'static str>,
) {
    let error = if anthropic::answers(path) { MessageError::name() } else { ErrorReply::name() };
    for status in statuses {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| Response::new("").into());
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            complete(status, &error, response);
        }
    }
}

/// `GET /v1/models/{id}` is `get_v1_models_id`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_ascii_lowercase(), |id, word| id + "_" + word)
}

fn security(role: Role) -> Vec<SecurityRequirement> {
    let one = |scheme: &str| SecurityRequirement::new(scheme, Vec::<String>::new());
    match role {
        Role::Public => Vec::new(),
        Role::Key | Role::Management => vec![one(KEY_SCHEME), one(X_API_KEY_SCHEME)],
        Role::Admin => vec![one(ADMIN_SCHEME), one(X_API_KEY_SCHEME)],
    }
}

/// The errors that come from who calls.
fn role_answers(role: Role) -> &'static [&'static str] {
    match role {
        Role::Public => &[],
        // 403: the account's trial is over, or the key is not for the address that the request comes from.
        Role::Key | Role::Management => &["401", "403"],
        Role::Admin => &["401"],
    }
}

/// The errors that come from what is sent.
fn input_answers(operation: &Operation) -> impl Iterator<Item = &'static str> + use<> {
    let has = |place: ParameterIn| {
        let parameters = operation.parameters.iter().flatten();
        parameters.filter_map(inline).any(|parameter| parameter.parameter_in == place)
    };
    let body: &[&str] = if operation.request_body.is_some() { &["400", "413", "415"] } else { &[] };
    let query: &[&str] = if has(ParameterIn::Query) { &["400"] } else { &[] };
    let path: &[&str] = if has(ParameterIn::Path) { &["404"] } else { &[] };
    body.iter().chain(query).chain(path).copied()
}

/// The errors that come from an idempotency key.
fn once_answers(operation: &Operation) -> &'static [&'static str] {
    let mut parameters = operation.parameters.iter().flatten().filter_map(inline);
    if parameters.any(|parameter| parameter.name.eq_ignore_ascii_case(HEADER)) {
        &["400", "409", "422", "429", "500", "503"]
    } else {
        &[]
    }
}

fn inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}

/// A parameter that may be missing is no null: there is none in a query or a header.
fn never_null(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    if let SchemaType::Array(types) = &object.schema_type
        && let [only, Type::Null] = types.as_slice()
    {
        object.schema_type = SchemaType::Type(only.clone());
    }
}

/// Gives an error the schema `error`, and every answer a description where its endpoint has no better one.
fn complete(status: &str, error: &str, response: &mut Response) {
    if response.description.is_empty() {
        meaning(status).clone_into(&mut response.description);
    }
    if status.starts_with(['4', '5']) && response.content.is_empty() {
        let schema = Content::new(Some(Ref::from_schema_name(error)));
        response.content.insert("application/json".to_owned(), schema.into());
    }
}

/// What a status means here.
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done.",
        "400" => "A field or a parameter is missing, unknown, given twice or refused; `param` names it.",
        "401" => "The key is missing, unknown, revoked or expired.",
        "402" => "The credit does not cover it.",
        "403" => "The key may not do this.",
        "404" => "It does not exist, or it belongs to another account.",
        "409" => "It conflicts with what is there.",
        "413" => "The body is too large.",
        "415" => "The body is not sent as uncompressed `application/json`.",
        "421" => "The request names a host that the admin listener does not serve.",
        "422" => "It was understood and cannot be done as it is.",
        "429" => "A limit is reached; the error says which, and `Retry-After` when it frees.",
        "500" => "The store failed. The gateway's log says why.",
        "502" => "The provider failed.",
        "503" => "It cannot be served at the moment. Try again shortly.",
        "504" => "The provider did not answer in time.",
        _ => "It is refused.",
    }
}
