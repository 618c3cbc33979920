//! `GET /openapi.json`: the description of the public listener, made from its routes.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use bytes::Bytes;

use super::document::{About, document, render};
use super::router;
use crate::gateway::Worker;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| render(&document(&ABOUT, router::routes_of(false))));
static WITH_SIGNUP: LazyLock<Bytes> = LazyLock::new(|| render(&document(&ABOUT, router::routes_of(true))));

/// What the description says of the whole, and its groups of endpoints in the order of reading.
pub(super) const ABOUT: About = About {
    title: "Tollgate",
    text: "An LLM gateway with exact credits. Every reply names its call in the header `x-tollgate-call-id`; errors \
           have OpenAI's shape, below `/v1/messages` Anthropic's.",
    tags: &[
        ("Calls", "Calls of models. They cost credit."),
        ("Responses", "Stored responses: to read, to go on from, to cancel, to delete."),
        ("Conversations", "Stored conversations, in which responses go on."),
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
pub(super) async fn show(State(worker): State<Arc<Worker>>) -> ([(HeaderName, &'static str); 1], Bytes) {
    let document = if worker.gateway.signup.is_some() { &WITH_SIGNUP } else { &DOCUMENT };
    ([(CONTENT_TYPE, "application/json")], Bytes::clone(document))
}
