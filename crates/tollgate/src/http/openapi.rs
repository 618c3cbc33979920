//! `GET /openapi.json`: the description of the public listener, made from its routes.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_TYPE, HeaderName};
use bytes::Bytes;

use super::document::{About, document, render};
use super::router;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| render(&document(&ABOUT, router::routes())));

/// What the description says of the whole, and its groups of endpoints in the order of reading.
pub(super) const ABOUT: About = About {
    title: "Tollgate",
    text: "An LLM gateway with exact credits. Every reply names its call in the header `x-tollgate-call-id`; errors \
           have OpenAI's shape.",
    tags: &[
        ("Calls", "Calls of models. They cost credit."),
        ("Models", "What can be called, and its price."),
        ("Keys", "What clients show. They are managed with a management key."),
        ("Account", "What a key sees of its account."),
        ("Health", "For load balancers and probes."),
        ("Description", "What this listener serves."),
    ],
    answers: &[],
};

/// This description
///
/// OpenAPI 3.1. `x-tollgate-role` says who may use an endpoint.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Description",
    responses((status = 200, body = serde_json::Value))
)]
pub(super) async fn show() -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}
