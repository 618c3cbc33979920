//! `GET /v1/conversations/{id}/items`: what was said in a conversation.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::ConversationId;

use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::item_page::{Items, ItemsPage, ItemsQuery, no_page};
use crate::http::{Caller, Key, PathId, QueryParams};

/// The items of a conversation
#[utoipa::path(
    get,
    path = "/v1/conversations/{conversation}/items",
    tag = "Conversations",
    params(("conversation" = String, Path, description = "The conversation's id."), ItemsQuery),
    responses((status = 200, body = Items), (status = 503))
)]
pub(in crate::http) async fn list(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<ConversationId>,
    QueryParams(query): QueryParams<ItemsQuery>,
) -> Result<Response, ApiError> {
    let items = worker.gateway.ledger.conversation_items(principal.account.id, id, query.page()).await;
    Ok(ItemsPage(items.map_err(no_page::<ConversationId>)?).into())
}
