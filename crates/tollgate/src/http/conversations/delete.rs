//! `DELETE /v1/conversations/{id}`: deletes a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::ConversationId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key, Named, PathId};

/// A conversation that was deleted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeletedConversation {
    /// Its id.
    id: String,
    /// Always `conversation.deleted`.
    object: &'static str,
    /// Always true.
    deleted: bool,
}

/// Delete a conversation
///
/// With its items. Stored responses that took part in it stay as they are, with their own items, but nothing can go on
/// from them.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{conversation}",
    tag = "Conversations",
    params(("conversation" = String, Path, description = "The conversation's id.")),
    responses((status = 200, body = DeletedConversation), (status = 503))
)]
pub(in crate::http) async fn delete(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<DeletedConversation>, ApiError> {
    if !worker.gateway.ledger.delete_conversation(principal.account.id, id).await? {
        return Err(ConversationId::unknown());
    }
    let deleted = DeletedConversation { id: id.to_string(), object: "conversation.deleted", deleted: true };
    Ok(Json(deleted))
}
