//! The answer that shows the secret of a key, this once.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use crate::admin::view::{KeyView, NewKeyView};
use crate::keys::{Key, Secret};

/// A key with its secret, which nothing on the way may keep.
pub(crate) fn new_key(key: &Key, secret: &Secret, now_ms: i64) -> Response {
    let view = NewKeyView { key: KeyView::of(key, now_ms), secret: secret.expose().to_owned() };
    ([(CACHE_CONTROL, "no-store")], Json(view)).into_response()
}
