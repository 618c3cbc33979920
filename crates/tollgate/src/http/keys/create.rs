//! `POST /v1/keys`: makes a key of the account and shows its secret, this once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::bounds;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::key_body::KeyBody;
use crate::http::key_reply::new_key;
use crate::http::{Caller, Management, OnceBody, OnceHeader};
use crate::keys::Key;
use crate::view::NewKeyView;

/// Make a key
///
/// It has no more rights than the key that makes it. The answer alone has its secret, this once.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "Keys",
    params(OnceHeader),
    request_body = KeyBody,
    responses((status = 200, body = NewKeyView), (status = 409), (status = 500), (status = 503))
)]
pub(in crate::http) async fn create(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    OnceBody(body, once): OnceBody<KeyBody>,
) -> Result<Response, ApiError> {
    let gateway = &worker.gateway;
    let bounds = bounds(gateway, &principal);
    let terms = move |maker: Option<&Key>| body.terms(&bounds.of(maker));
    let now_ms = gateway.clock.now_ms();
    let making = gateway.keys.create_by(principal.actor, terms);
    making.answered(new_key(once, now_ms)).await
}
