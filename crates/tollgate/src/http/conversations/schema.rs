//! Conversations as clients see them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::ledger::sessions::Conversation;

/// A conversation.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ConversationView {
    /// Its id.
    id: String,
    /// Always `conversation`.
    object: &'static str,
    /// When it was created, in seconds since the Unix epoch.
    created_at: i64,
    /// What the client noted of it.
    metadata: BTreeMap<String, String>,
    /// The client's own name of it, by which any call can go on in it.
    #[schema(required)]
    session_id: Option<String>,
}

impl ConversationView {
    pub(super) fn of(conversation: &Conversation) -> ConversationView {
        ConversationView {
            id: conversation.id.to_string(),
            object: "conversation",
            created_at: conversation.created_at_ms.div_euclid(1_000),
            // It was written as such a map.
            metadata: serde_json::from_str(&conversation.metadata).unwrap_or_default(),
            session_id: conversation.name.clone(),
        }
    }
}
