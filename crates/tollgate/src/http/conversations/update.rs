//! `POST /v1/conversations/{id}`: replaces what is noted of a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::ConversationId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::find;
use super::input::Metadata;
use super::schema::ConversationView;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, JsonBody, Key, Named, PathId};
use crate::pipeline::take_request;

/// What changes of a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"metadata": {"topic": "demo"}}))]
pub(in crate::http) struct ConversationChanges {
    /// What to note of it, in the place of what was noted.
    metadata: Metadata,
}

/// Change a conversation
#[utoipa::path(
    post,
    path = "/v1/conversations/{conversation}",
    tag = "Conversations",
    params(("conversation" = String, Path, description = "The conversation's id.")),
    request_body = ConversationChanges,
    responses((status = 200, body = ConversationView), (status = 429), (status = 503))
)]
pub(in crate::http) async fn update(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(id): PathId<ConversationId>,
    JsonBody(changes): JsonBody<ConversationChanges>,
) -> Result<Json<ConversationView>, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    take_request(gateway, &principal)?;
    if !gateway.ledger.update_conversation(account, id, changes.metadata.into_json()).await? {
        return Err(ConversationId::unknown());
    }
    Ok(Json(ConversationView::of(&find(gateway, account, id).await?)))
}
