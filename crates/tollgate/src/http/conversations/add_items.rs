//! `POST /v1/conversations/{id}/items`: adds items to the end of a conversation.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::ConversationId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::{self, NewItems};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::item_page::{Items, ItemsPage};
use crate::http::{Caller, Key, Named, PathId};
use crate::ledger::sessions::ItemList;
use crate::pipeline::take_request;

/// Items to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"role": "user", "content": "Hello"}]}))]
pub(in crate::http) struct ItemsBody {
    /// The items, in their order.
    items: NewItems,
}

/// Add items to a conversation
///
/// Up to 20. While a call is under way in it, nothing is added.
#[utoipa::path(
    post,
    path = "/v1/conversations/{conversation}/items",
    tag = "Conversations",
    params(("conversation" = String, Path, description = "The conversation's id.")),
    request_body = ItemsBody,
    responses((status = 200, body = Items), (status = 403), (status = 409), (status = 429), (status = 503))
)]
pub(in crate::http) async fn add(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<ConversationId>,
    request: Request,
) -> Result<Response, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    take_request(gateway, &principal)?;
    input::check_room(gateway, account)?;
    let body: ItemsBody = input::read(gateway, request).await?;
    let items = body.items.read(gateway)?;
    let conversation = super::find(gateway, account, id).await?;
    let _lock = super::lock(gateway, account, &conversation)?;
    let added = gateway.ledger.add_items(account, id, items.clone()).await?;
    if !added {
        return Err(ConversationId::unknown());
    }
    Ok(ItemsPage(ItemList { items, has_more: false }).into())
}
