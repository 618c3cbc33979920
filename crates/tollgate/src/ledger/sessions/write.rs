//! Changing sessions, on the ledger's writer: each verb is one transaction. The turns of calls are stored by their
//! settlements.

use std::sync::Arc;

use domain::{AccountId, CallId, ConversationId};
use rusqlite::{Connection, TransactionBehavior};

use super::{Item, NewConversation, NewTurn};
use crate::config::SessionPolicy;
use crate::ledger::deed::{Deed, Written};
use crate::ledger::keeper::Task;
use crate::ledger::sqlite::sessions;
use crate::ledger::{Ledger, LedgerError};

impl Ledger {
    /// Stores a turn that is to run in the background, before its client is told. Again, it changes nothing.
    pub fn open_turn(&self, turn: NewTurn) -> Deed<()> {
        let at_ms = self.clock().now_ms();
        let session_bytes = Arc::clone(&self.shared.session_bytes);
        self.deed(move |store| {
            let database = store.database().ok_or(sessions::NOT_KEPT)?;
            sessions::open_turn(database, &turn, at_ms)?;
            let bytes = sessions::account_bytes(database, turn.account)?;
            Ok(Written::new((), move || session_bytes.set(turn.account, bytes)))
        })
    }

    /// Stores how far an opened turn has come, or how it ended where no call settles it. Its input stays as it is.
    /// `false` when it is not there, or has ended before: the first end counts.
    pub async fn advance_turn(&self, turn: NewTurn) -> Result<bool, LedgerError> {
        let at_ms = self.clock().now_ms();
        self.write_sessions(turn.account, move |connection| sessions::advance_turn(connection, &turn, at_ms))
            .await
    }

    /// Deletes a stored response, and its items unless they are part of a conversation. What continues it can still be
    /// read, and not be continued. `false` when it was not there; here and below.
    pub async fn delete_response(&self, account: AccountId, call: CallId) -> Result<bool, LedgerError> {
        self.write_sessions(account, move |connection| sessions::delete_turn(connection, account, call)).await
    }

    /// Stores a new conversation; `false` when the account has one of that name.
    pub async fn create_conversation(
        &self,
        account: AccountId,
        new: NewConversation,
    ) -> Result<bool, LedgerError> {
        let at_ms = self.clock().now_ms();
        self.write_sessions(account, move |connection| {
            sessions::create_conversation(connection, account, &new, at_ms)
        })
        .await
    }

    /// Replaces the metadata of a conversation, which is JSON.
    pub async fn update_conversation(
        &self,
        account: AccountId,
        id: ConversationId,
        metadata: String,
    ) -> Result<bool, LedgerError> {
        let at_ms = self.clock().now_ms();
        self.write_sessions(account, move |connection| {
            sessions::update_conversation(connection, account, id, &metadata, at_ms)
        })
        .await
    }

    /// Deletes a conversation. Responses that took part in it stay, with their own items, and cannot be continued.
    pub async fn delete_conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<bool, LedgerError> {
        self.write_sessions(account, move |connection| sessions::delete_conversation(connection, account, id))
            .await
    }

    /// Adds items to the end of a conversation.
    pub async fn add_items(
        &self,
        account: AccountId,
        id: ConversationId,
        items: Vec<Item>,
    ) -> Result<bool, LedgerError> {
        let at_ms = self.clock().now_ms();
        self.write_sessions(account, move |connection| {
            sessions::add_items(connection, account, id, &items, at_ms)
        })
        .await
    }

    /// Takes an item out of a conversation, with its copies. It is deleted unless it is part of a stored response.
    pub async fn delete_item(
        &self,
        account: AccountId,
        id: ConversationId,
        item: &str,
    ) -> Result<bool, LedgerError> {
        let item = item.to_owned();
        self.write_sessions(account, move |connection| sessions::delete_item(connection, account, id, &item))
            .await
    }

    /// Keeps sessions like this from now on. The size is for whoever admits calls to heed.
    pub async fn keep_sessions(&self, policy: SessionPolicy) -> Result<(), LedgerError> {
        let tasks = &self.usage()?.tasks;
        tasks.send(Task::KeepSessions(policy)).await.map_err(|_| LedgerError::Closed)
    }

    /// One transaction, after which the account's bytes in memory are those in the store.
    async fn write_sessions<T: Send + 'static>(
        &self,
        account: AccountId,
        write: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let session_bytes = Arc::clone(&self.shared.session_bytes);
        self.on_writer(move |store| {
            let database = store.database().ok_or(sessions::NOT_KEPT)?;
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = write(&transaction)?;
            let bytes = sessions::account_bytes(&transaction, account)?;
            transaction.commit()?;
            session_bytes.set(account, bytes);
            Ok(written)
        })
        .await
    }
}
