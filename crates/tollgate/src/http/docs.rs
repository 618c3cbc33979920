//! `GET /docs`: a page that shows `openapi.json` of its own listener to people.
//!
//! One file, without anything from elsewhere. Its policy lets nothing run or load but the style and the script that are
//! in it, by their digests, and the description.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("docs/style.css");
const SCRIPT: &str = include_str!("docs/reader.js");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    include_str!("docs/page.html").replace("/* style.css */", STYLE).replace("/* reader.js */", SCRIPT)
});

static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    HeaderValue::try_from(policy).ok()
});

/// This description, for people
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Description",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub(crate) async fn show() -> Response {
    let mut response = PAGE.as_str().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(POLICY.clone().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    response
}
