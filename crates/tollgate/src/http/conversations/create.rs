//! `POST /v1/conversations`: begins a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::find;
use super::input::{self, Metadata, NewItems};
use super::schema::ConversationView;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key};
use crate::ledger::sessions::NewConversation;
use crate::pipeline::take_request;

/// A conversation to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"metadata": {"topic": "demo"}}))]
pub(in crate::http) struct ConversationBody {
    /// Its first items.
    #[serde(default)]
    items: Option<NewItems>,
    /// What to note of it.
    #[serde(default)]
    metadata: Metadata,
}

/// Create a conversation
#[utoipa::path(
    post,
    path = "/v1/conversations",
    tag = "Conversations",
    request_body = ConversationBody,
    responses((status = 200, body = ConversationView), (status = 403), (status = 429), (status = 503))
)]
pub(in crate::http) async fn create(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    request: Request,
) -> Result<Json<ConversationView>, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    take_request(gateway, &principal)?;
    input::check_room(gateway, account)?;
    let body: ConversationBody = input::read(gateway, request).await?;
    let id = input::new_id(gateway);
    let items = body.items.unwrap_or_default().read(gateway)?;
    let new = NewConversation { id, name: None, metadata: body.metadata.into_json(), items };
    gateway.ledger.create_conversation(account, new).await?;
    Ok(Json(ConversationView::of(&find(gateway, account, id).await?)))
}
