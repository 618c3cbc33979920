//! What the endpoints of all dialects share: the call itself is the pipeline's.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::Version;
use hyper::header::HeaderValue;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::{IntoParams, IntoResponses};

use super::flow;
use crate::error::ApiError;
use crate::gateway::{Gateway, Worker};
use crate::limits::set_rate_limits;
use crate::pipeline::{self, BodyLimit, Dialect, Principal, read_body};

/// The header that says who counted tokens: `tokenizer` or `bound`.
const TOKEN_COUNT: &str = "x-tollgate-token-count";

/// The parameters that a call of any dialect may have.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what the pipeline reads")]
pub(super) struct CallQuery {
    /// Your name for a conversation that is kept: its history is put before what you send, and your message and the
    /// answer are added to it. It is made when it is not there. Its 1 to 128 characters are visible ASCII, with spaces
    /// only between them.
    #[param(min_length = 1, max_length = 128)]
    session_id: Option<String>,
}

/// The headers that a call of any dialect may have. Names are of 1 to 128 visible ASCII characters,
/// which may have spaces between them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what the pipeline reads")]
pub(super) struct CallHeaders {
    /// The provider, by its name at the gateway.
    #[param(rename = "x-tollgate-provider")]
    provider: Option<String>,
    /// The same as `session_id`, for clients that cannot change the address.
    #[param(rename = "x-tollgate-session-id")]
    session_id: Option<String>,
    /// Your name for what the call belongs to, kept on the receipt. Without it, the session header of Codex CLI or Claude
    /// Code is kept.
    #[param(rename = "x-tollgate-session")]
    session: Option<String>,
    /// Your name for the purpose, kept on the receipt.
    #[param(rename = "x-tollgate-label")]
    label: Option<String>,
}

/// What a call of any dialect may be answered beside an answer.
pub(super) struct CallRefusals;

impl IntoResponses for CallRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let told = [
            ("402", ""),
            ("404", "The model does not exist here."),
            ("429", ""),
            ("4XX", "The provider refused the request, with this status of its own."),
            ("502", ""),
            ("503", ""),
            ("504", ""),
        ];
        let told =
            told.map(|(status, text)| (status.to_owned(), utoipa::openapi::Response::new(text).into()));
        told.into()
    }
}

/// Serves one call.
pub(super) async fn answer(
    worker: &Arc<Worker>,
    principal: &Principal,
    dialect: Dialect,
    request: Request,
) -> Response {
    let version = request.version();
    let response = pipeline::serve(worker, principal, dialect, request).await;
    if version == Version::HTTP_2 {
        let gateway = &worker.gateway;
        return response
            .map(|body| flow::bounded(body, gateway.config.server.write_stall, gateway.stop.clone()));
    }
    response
}

/// Counts the tokens of a request, and answers with what `told` makes of them.
pub(super) async fn counted<T: Serialize>(
    gateway: &Gateway,
    principal: &Principal,
    dialect: Dialect,
    request: Request,
    told: impl FnOnce(u64) -> T,
) -> Result<Response, ApiError> {
    let standing = pipeline::take_request(gateway, principal)?;
    let limit = BodyLimit::of_call(gateway);
    let (head, body) = request.into_parts();
    let body = read_body(&head.headers, body, limit).await?;
    let count = pipeline::count(gateway, principal, dialect, &head, body).await?;
    let mut response = Json(told(count.tokens)).into_response();
    set_rate_limits(response.headers_mut(), &standing);
    response.extensions_mut().insert(standing);
    response.headers_mut().insert(TOKEN_COUNT, HeaderValue::from_static(count.source.as_str()));
    Ok(response)
}
