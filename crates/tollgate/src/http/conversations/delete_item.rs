//! `DELETE /v1/conversations/{id}/items/{item}`: takes an item out of a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::find;
use super::place::{ItemPlace, no_item};
use super::schema::ConversationView;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key};

/// Delete an item of a conversation
///
/// A stored response that brought it keeps it. While a call is under way in the conversation, nothing is deleted. Answers with the conversation.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{conversation}/items/{item}",
    tag = "Conversations",
    params(
        ("conversation" = String, Path, description = "The conversation's id."),
        ("item" = String, Path, description = "The item's id."),
    ),
    responses((status = 200, body = ConversationView), (status = 409), (status = 503))
)]
pub(in crate::http) async fn delete(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    ItemPlace(id, item): ItemPlace,
) -> Result<Json<ConversationView>, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    let conversation = find(gateway, account, id).await?;
    let _lock = super::lock(gateway, account, &conversation)?;
    if !gateway.ledger.delete_item(account, id, &item).await? {
        return Err(no_item());
    }
    Ok(Json(ConversationView::of(&conversation)))
}
