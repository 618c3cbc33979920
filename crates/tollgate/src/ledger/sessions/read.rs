//! Reading sessions, on the ledger's reader. Each verb sees one state of the database.

use domain::{AccountId, CallId, ConversationId};
use rusqlite::{Connection, TransactionBehavior};

use super::{Conversation, Item, ItemList, ItemPage, Place, SessionError, StoredTurn};
use crate::ledger::sqlite::sessions;
use crate::ledger::{Ledger, LedgerError, reader};

/// What a call goes on from, as its client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// That place.
    Place(Place),
    /// The conversation that the client gave this name. Where there is none, it is nothing, as in a root.
    Name(String),
}

impl From<Place> for Origin {
    fn from(place: Place) -> Origin {
        Origin::Place(place)
    }
}

/// How much history is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Items, and so turns.
    pub items_max: usize,
    /// Bytes of their JSON.
    pub bytes_max: u64,
}

/// The newest part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent<T> {
    /// Where a turn that goes on from it belongs.
    pub place: Place,
    /// The items, the oldest first.
    pub items: Vec<T>,
    /// Whether they are all there are. `false` also where nobody looked what comes before them.
    pub is_whole: bool,
}

impl Ledger {
    /// What the sessions of an account take, in bytes, from memory.
    #[must_use]
    pub fn session_bytes(&self, account: AccountId) -> u64 {
        self.shared.session_bytes.of(account)
    }

    /// The stored response of a call.
    pub async fn response(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<StoredTurn>, LedgerError> {
        self.read_sessions(move |connection| Ok(sessions::turn(connection, account, call)?)).await
    }

    /// A page of the items that a call brought.
    ///
    /// [`SessionError::NotFound`] where the response is not there; here and below.
    pub async fn input_items(
        &self,
        account: AccountId,
        call: CallId,
        page: ItemPage,
    ) -> Result<ItemList, SessionError> {
        self.read_sessions(move |connection| Ok(sessions::input_items(connection, account, call, &page)))
            .await?
    }

    /// The items that the model answered a call with, in their order. No more than one answer has.
    pub async fn output_items(&self, account: AccountId, call: CallId) -> Result<Vec<Item>, SessionError> {
        self.read_sessions(move |connection| Ok(sessions::output_items(connection, account, call))).await?
    }

    /// The newest part of what a call goes on from. It is read from its newest item back, as far as the bounds allow,
    /// and what comes before is not looked at. `read` takes each item, and says whether it is enough with that one; it
    /// runs on the reader's thread, where others wait behind it.
    ///
    /// [`SessionError::Unfinished`] where the response has not ended.
    pub async fn recent_history<T: Send + 'static>(
        &self,
        account: AccountId,
        origin: Origin,
        bounds: Bounds,
        read: impl FnMut(Item) -> (T, bool) + Send + 'static,
    ) -> Result<Recent<T>, SessionError> {
        self.read_sessions(move |connection| Ok(sessions::recent(connection, account, &origin, bounds, read)))
            .await?
    }

    /// A conversation.
    pub async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>, LedgerError> {
        self.read_sessions(move |connection| Ok(sessions::conversation(connection, account, id)?)).await
    }

    /// A page of the items of a conversation.
    pub async fn conversation_items(
        &self,
        account: AccountId,
        id: ConversationId,
        page: ItemPage,
    ) -> Result<ItemList, SessionError> {
        self.read_sessions(move |connection| Ok(sessions::conversation_items(connection, account, id, &page)))
            .await?
    }

    /// One item of a conversation.
    pub async fn conversation_item(
        &self,
        account: AccountId,
        id: ConversationId,
        item: &str,
    ) -> Result<Option<Item>, LedgerError> {
        let item = item.to_owned();
        self.read_sessions(move |connection| Ok(sessions::conversation_item(connection, account, id, &item)?))
            .await
    }

    /// The newest item of that name in all sessions of the account.
    pub async fn item(&self, account: AccountId, item: &str) -> Result<Option<Item>, LedgerError> {
        let item = item.to_owned();
        self.read_sessions(move |connection| Ok(sessions::item(connection, account, &item)?)).await
    }

    /// The newest items of those names in all sessions of the account, in the order of the names: each as `read` takes
    /// it, on the reader's thread. One that is named several times is there, and counts, as often.
    ///
    /// [`SessionError::TooLong`] where they are more than the bounds allow.
    pub async fn items<T: Send + 'static>(
        &self,
        account: AccountId,
        names: Vec<String>,
        bounds: Bounds,
        mut read: impl FnMut(Item) -> T + Send + 'static,
    ) -> Result<Vec<Option<T>>, SessionError> {
        if names.len() > bounds.items_max {
            return Err(SessionError::TooLong);
        }
        self.read_sessions(move |connection| {
            let (mut items, mut bytes) = (Vec::with_capacity(names.len()), 0_u64);
            for name in &names {
                let found = sessions::item(connection, account, name)?;
                bytes = bytes.saturating_add(found.as_ref().map_or(0, |item| item.body.len() as u64));
                if bytes > bounds.bytes_max {
                    return Ok(Err(SessionError::TooLong));
                }
                items.push(found.map(&mut read));
            }
            Ok(Ok(items))
        })
        .await?
    }

    async fn read_sessions<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let threads = self.shared.database.as_ref().ok_or(sessions::NOT_KEPT)?;
        reader::ask(&threads.sessions, move |connection| {
            read(&*connection.transaction_with_behavior(TransactionBehavior::Deferred)?)
        })
        .await
    }
}
