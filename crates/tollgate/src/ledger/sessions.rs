//! Sessions: stored responses and conversations, from which later calls go on.
//!
//! A stored response is the **turn** of a call: the items that the call brought, and those that the model answered with.
//! What came before it is not copied into it, but found by walking its parents, or by reading its conversation. Items
//! and heads are JSON that is opaque here.
//!
//! The turn of a call is written in the transaction that charges for the call, so that it is there when the last event
//! is sent, and never without its receipt. Every verb is bound to an account: what is another's is not there.

mod keep;
mod locks;
mod read;
mod size;
mod write;

use domain::{AccountId, CallId, ConversationId};
use thiserror::Error;

pub(in crate::ledger) use keep::SessionKeeper;
pub use locks::{Lock, Locks};
pub use read::{Bounds, Origin, Recent};
pub(in crate::ledger) use size::SessionBytes;

use super::LedgerError;

/// What every row of a session counts for beside its texts: about what it and its index entries take on disk. So that
/// a million empty rows are not for nothing.
pub(crate) const ROW_BYTES: u64 = 256;

/// The most items of one page.
pub const PAGE_ITEMS_MAX: u32 = 100;

/// A page ends early with the item that goes beyond this: a hundred images would not fit in memory well.
pub const PAGE_BYTES_MAX: u64 = 16 << 20;

/// Copies of one item that one deletion takes out of a conversation. Clients that send an item twice are rare, and
/// calls wait meanwhile.
pub(crate) const COPIES_MAX: u32 = 1_000;

/// An item as JSON, under the name by which clients know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name. The same one may be there several times; then the newest is meant.
    pub id: String,
    /// Its JSON.
    pub body: String,
}

/// What a turn goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Root,
    /// The stored response of that call. In a conversation it goes on beside it, and is no part of it.
    After(CallId),
    /// All of that conversation, and becomes part of it.
    In(ConversationId),
}

impl Place {
    /// The same, without becoming part of a conversation.
    #[must_use]
    pub fn apart(self) -> Place {
        match self {
            Place::In(_) => Place::Root,
            place => place,
        }
    }
}

/// How far a turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnStatus {
    /// It waits to be run in the background.
    Queued,
    /// It runs in the background.
    InProgress,
    /// The model has ended it.
    Completed,
    /// It was cut off, as by a limit of tokens.
    Incomplete,
    /// It has failed, or was interrupted by a restart.
    Failed,
    /// The client cancelled it.
    Cancelled,
}

impl TurnStatus {
    /// Every status.
    pub const ALL: [TurnStatus; 6] = [
        TurnStatus::Queued,
        TurnStatus::InProgress,
        TurnStatus::Completed,
        TurnStatus::Incomplete,
        TurnStatus::Failed,
        TurnStatus::Cancelled,
    ];

    /// The word that the store and clients know it by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TurnStatus::Queued => "queued",
            TurnStatus::InProgress => "in_progress",
            TurnStatus::Completed => "completed",
            TurnStatus::Incomplete => "incomplete",
            TurnStatus::Failed => "failed",
            TurnStatus::Cancelled => "cancelled",
        }
    }

    /// The status of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<TurnStatus> {
        TurnStatus::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more comes.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, TurnStatus::Queued | TurnStatus::InProgress)
    }
}

/// A turn to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTurn {
    /// Its call, which is its id.
    pub call: CallId,
    /// Whose it is.
    pub account: AccountId,
    /// When the response was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// What it goes on from. Where that is gone meanwhile, the turn is stored as a root.
    pub place: Place,
    /// Where its place is a conversation that is not there yet: the name that it is made with. One that the account
    /// has of that name takes its place.
    pub name_if_new: Option<String>,
    /// How far it has come.
    pub status: TurnStatus,
    /// Whether it runs in the background. Such a turn is opened before it runs; its settlement says how it ended, and
    /// stores nothing if it was deleted meanwhile.
    pub background: bool,
    /// The response object without its output, as JSON.
    pub head: String,
    /// The items that the call brought, without those that were there before. Not stored again for an opened turn.
    pub input: Vec<Item>,
    /// The items that the model answered with.
    pub output: Vec<Item>,
}

/// A turn as stored, without its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTurn {
    /// Its call.
    pub call: CallId,
    /// When the response was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// The response that it continues, which may be deleted.
    pub parent: Option<CallId>,
    /// The conversation that it is part of.
    pub conversation: Option<ConversationId>,
    /// How far it has come. It counts, whatever the head says: a restart makes an open turn a failed one.
    pub status: TurnStatus,
    /// Whether it runs, or ran, in the background.
    pub background: bool,
    /// The response object without its output, as JSON.
    pub head: String,
}

/// A conversation to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConversation {
    /// Its id: new, and not to be guessed.
    pub id: ConversationId,
    /// A name that no other conversation of the account has.
    pub name: Option<String>,
    /// Its metadata, as JSON.
    pub metadata: String,
    /// Its first items.
    pub items: Vec<Item>,
}

/// A conversation as stored, without its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The name that the client gave it.
    pub name: Option<String>,
    /// Its metadata, as JSON.
    pub metadata: String,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// In which order items are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// Which items of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPage {
    /// How many at most: from 1 to [`PAGE_ITEMS_MAX`], and cut to that.
    pub limit: u32,
    /// In which order.
    pub order: Order,
    /// Only those that come after this one in that order.
    pub after: Option<String>,
}

/// A part of a list of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemList {
    /// The items.
    pub items: Vec<Item>,
    /// Whether more come after them.
    pub has_more: bool,
}

/// Why there is no such history or list.
#[derive(Debug, Error)]
pub enum SessionError {
    /// What it goes on from is not there, or is another account's.
    #[error("there is no such response or conversation")]
    NotFound,
    /// What it goes on from is there, but something before that was deleted.
    #[error("a response or conversation that this one continues was deleted")]
    Broken,
    /// The response that it goes on from has not ended.
    #[error("the response to go on from is still in progress")]
    Unfinished,
    /// It is longer than the bounds.
    #[error("the history is too long")]
    TooLong,
    /// The item that a page begins after is not in the list.
    #[error("the item to begin after is not in the list")]
    UnknownCursor,
    /// The store did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for SessionError {
    fn from(error: rusqlite::Error) -> SessionError {
        SessionError::Ledger(error.into())
    }
}
