//! `POST /v1/keys`: makes a key of the account and shows its secret, this once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::bounds;
use crate::admin::view::NewKeyView;
use crate::gateway::Worker;
use crate::http::key_body::KeyBody;
use crate::http::key_reply::new_key;
use crate::http::{ApiError, Caller, JsonBody, Management};
use crate::keys::NewKey;

/// Make a key
///
/// It has no more rights than the key that makes it. The answer alone has its secret, this once.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "Keys",
    request_body = KeyBody,
    responses((status = 200, body = NewKeyView), (status = 409), (status = 500), (status = 503))
)]
pub(in crate::http) async fn create(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    JsonBody(body): JsonBody<KeyBody>,
) -> Result<Response, ApiError> {
    let gateway = &worker.gateway;
    let terms = body.terms(&bounds(gateway, &principal))?;
    let new = NewKey { terms, maker: Some(principal.key.id) };
    let (key, secret) = gateway.keys.create(principal.account.id, new).await?;
    Ok(new_key(&key, &secret, gateway.clock.now_ms()))
}
