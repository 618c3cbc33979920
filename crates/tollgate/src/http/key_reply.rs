//! The answer that shows the secret of a key, this once.

use std::sync::Arc;

use axum::response::Response;
use hyper::StatusCode;

use super::Answering;
use crate::keys::{Key, Secret};
use crate::ledger::Answered;
use crate::view::{KeyView, NewKeyView};

/// Answers with a key and its secret, as they are at `now_ms`.
pub(crate) fn new_key(
    once: Answering,
    now_ms: i64,
) -> impl FnOnce((Arc<Key>, Secret)) -> Answered<Response> + Send + 'static {
    move |(key, secret)| {
        let view = NewKeyView { key: KeyView::of(&key, now_ms), secret: secret.expose().to_owned() };
        once.of(StatusCode::OK, &view)
    }
}
