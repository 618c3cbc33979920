//! An item of a conversation, as a path names it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::ConversationId;
use hyper::StatusCode;

use crate::error::ApiError;
use crate::http::Named;

/// A conversation and the id of an item.
pub(in crate::http) struct ItemPlace(pub(super) ConversationId, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for ItemPlace {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<ItemPlace, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((conversation, item)) = path.map_err(|_| ConversationId::unknown())?;
        let conversation = conversation.parse().map_err(|_| ConversationId::unknown())?;
        Ok(ItemPlace(conversation, item))
    }
}

/// The answer to an item that is not there.
pub(super) fn no_item() -> ApiError {
    ApiError::invalid(StatusCode::NOT_FOUND, "item_not_found", "There is no such item.")
}
