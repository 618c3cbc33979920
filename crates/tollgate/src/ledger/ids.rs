//! New identifiers: UUIDs of version 7, so that they are unique everywhere and ordered in time.

use std::sync::{Mutex, PoisonError};

use domain::{AccountId, CallId, ConversationId, GrantId, InviteId, KeyId};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::clock::Clock;

/// Counts within a millisecond, so that what was made later has the greater id.
static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A new call.
#[must_use]
pub fn call_id(clock: &Clock) -> CallId {
    CallId::from_bits(uuid(clock))
}

pub(crate) fn account_id(clock: &Clock) -> AccountId {
    AccountId::from_bits(uuid(clock))
}

/// A new conversation.
#[must_use]
pub fn conversation_id(clock: &Clock) -> ConversationId {
    ConversationId::from_bits(uuid(clock))
}

pub(crate) fn grant_id(clock: &Clock) -> GrantId {
    GrantId::from_bits(uuid(clock))
}

pub(crate) fn invite_id(clock: &Clock) -> InviteId {
    InviteId::from_bits(uuid(clock))
}

pub(crate) fn key_id(clock: &Clock) -> KeyId {
    KeyId::from_bits(uuid(clock))
}

fn uuid(clock: &Clock) -> u128 {
    let now_ms = clock.now_ms().max(0).unsigned_abs();
    let nanos = u32::try_from(now_ms % 1_000 * 1_000_000).unwrap_or(0);
    let order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    Uuid::new_v7(Timestamp::from_unix(&*order, now_ms / 1_000, nanos)).as_u128()
}
