//! A request in no dialect becomes a chat body, which is what upstreams speak.

use bytes::Bytes;

use super::item::Item;
use super::request::Request;

/// The chat body of a request that goes on from `history`: `instructions` first, then the history, then what is new.
#[must_use]
pub fn to_chat(_request: &Request, _history: &[Item]) -> Bytes {
    Bytes::new()
}

/// The chat body `body` of a chat client with `history` put behind its leading system messages. Every other byte stays.
///
/// `None` when `body` is no chat request; it is to be checked first.
#[must_use]
pub fn with_history(_body: &[u8], _history: &[Item]) -> Option<Bytes> {
    None
}

/// The items of a chat client's own messages, without the leading system messages, which are its instructions.
///
/// `None` when `body` is no chat request.
#[must_use]
pub fn items_of_chat(_body: &[u8]) -> Option<Vec<Item>> {
    None
}
