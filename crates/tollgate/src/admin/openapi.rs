//! `GET /openapi.json`: the description of the admin listener, made from its routes.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use crate::http::document::{About, document, render};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| render(&document(&ABOUT, super::routes())));

/// What the description says of the whole, and its groups of endpoints in the order of reading.
pub(super) const ABOUT: About = About {
    title: "Tollgate, admin API",
    text: "For operators: accounts, plans, credit, keys and receipts. Money is a string of decimal US dollars, times are RFC \
           3339 in UTC, errors have OpenAI's shape. Requests must name `localhost`, an IP address or a host listed in \
           `[admin] hosts`.",
    tags: &[
        ("Accounts", "Who pays, and their credit."),
        ("Keys", "What clients show."),
        ("Plans", "What accounts and keys may use."),
        ("Invites", "Who may sign up."),
        ("Receipts", "The record of every call."),
        ("Usage", "What calls came to."),
        ("Health", "For probes."),
        ("Operation", "What the gateway does, in numbers."),
        ("Description", "What this listener serves."),
    ],
    answers: &["421"],
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
