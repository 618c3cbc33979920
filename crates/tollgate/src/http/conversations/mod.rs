//! `/v1/conversations`: items in order, in which responses go on.

pub(super) mod add_items;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod delete_item;
mod input;
pub(super) mod list_items;
mod place;
mod schema;
pub(super) mod show;
pub(super) mod show_item;
pub(super) mod update;

use domain::{AccountId, ConversationId};

use super::input::Named;
use crate::error::{ApiError, Refusal};
use crate::gateway::Gateway;
use crate::ledger::sessions::{Conversation, Lock};
use crate::sessions::SessionRefusal;

/// The right to change what calls go on from, which no call under way has.
fn lock(gateway: &Gateway, account: AccountId, conversation: &Conversation) -> Result<Lock, ApiError> {
    let lock = gateway.locks.take(account, conversation);
    lock.ok_or_else(|| Refusal::Session(SessionRefusal::Busy).into())
}

async fn find(gateway: &Gateway, account: AccountId, id: ConversationId) -> Result<Conversation, ApiError> {
    gateway.ledger.conversation(account, id).await?.ok_or_else(ConversationId::unknown)
}
