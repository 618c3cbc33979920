//! `GET /v1/conversations/{id}`: one conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::ConversationId;

use super::find;
use super::schema::ConversationView;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key, PathId};

/// One conversation
#[utoipa::path(
    get,
    path = "/v1/conversations/{conversation}",
    tag = "Conversations",
    params(("conversation" = String, Path, description = "The conversation's id.")),
    responses((status = 200, body = ConversationView), (status = 503))
)]
pub(in crate::http) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<ConversationView>, ApiError> {
    Ok(Json(ConversationView::of(&find(&worker.gateway, principal.account.id, id).await?)))
}
