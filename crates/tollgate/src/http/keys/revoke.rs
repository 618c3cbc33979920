//! `DELETE /v1/keys/{id}`: revokes a key of the account, at once. Again, it answers the same.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::KeyId;

use super::bounds;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Management, PathId};
use crate::keys::Key;
use crate::view::KeyView;

/// Revoke a key
///
/// At once, with every secret of it. The answer has the time of its first revocation.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key}",
    tag = "Keys",
    params(("key" = String, Path, description = "The key's id.")),
    responses((status = 200, body = KeyView), (status = 500), (status = 503))
)]
pub(in crate::http) async fn revoke(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<KeyId>,
) -> Result<Json<KeyView>, ApiError> {
    let gateway = &worker.gateway;
    let bounds = bounds(gateway, &principal);
    let may = move |key: &Key, actor: Option<&Key>| bounds.of(actor).may_touch(key);
    let revoked = gateway.keys.revoke(principal.actor, id, may).await?;
    Ok(Json(KeyView::of(&revoked, gateway.clock.now_ms())))
}
