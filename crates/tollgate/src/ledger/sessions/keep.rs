//! The part of the keeper that deletes sessions: those that nobody has used for long, and the rows of those that were
//! deleted.

use std::sync::Arc;

use domain::AccountId;
use domain::calendar::DAY_MS;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc;

use super::SessionBytes;
use crate::config::SessionPolicy;
use crate::ledger::LedgerError;
use crate::ledger::far_move::FarMove;
use crate::ledger::keeper::on_database;
use crate::ledger::sqlite::sessions;
use crate::ledger::writer::Command;

/// Deletes sessions, a few rows at a time.
pub(in crate::ledger) struct SessionKeeper {
    /// Until somebody says otherwise, sessions are kept for ever.
    pub(in crate::ledger) policy: SessionPolicy,
    commands: mpsc::Sender<Command>,
    session_bytes: Arc<SessionBytes>,
    far_move: Option<FarMove>,
}

impl SessionKeeper {
    pub(in crate::ledger) fn new(
        commands: mpsc::Sender<Command>,
        session_bytes: Arc<SessionBytes>,
    ) -> SessionKeeper {
        let policy = SessionPolicy { retention_days: None, ..SessionPolicy::default() };
        SessionKeeper { policy, commands, session_bytes, far_move: None }
    }

    /// Deletes what is due, as `connection` sees it.
    pub(in crate::ledger) async fn keep(
        &mut self,
        connection: &Connection,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        if let Some(before_ms) = self.horizon(connection, now_ms)? {
            while sessions::oldest_use(connection)?.is_some_and(|oldest_ms| oldest_ms < before_ms) {
                self.change(move |database| sessions::retire(database, before_ms)).await?;
            }
        }
        while sessions::has_remains(connection)? {
            self.change(|database| Ok(Vec::from_iter(sessions::clear(database)?))).await?;
        }
        Ok(())
    }

    /// The time before which sessions that were not used since go now; `None` where none is due.
    fn horizon(&mut self, connection: &Connection, now_ms: i64) -> Result<Option<i64>, LedgerError> {
        let Some(days) = self.policy.retention_days else { return Ok(None) };
        let horizon = now_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
        let Some(oldest_ms) = sessions::oldest_use(connection)? else { return Ok(None) };
        if FarMove::is_one(oldest_ms, horizon) {
            let far_move = FarMove::look(self.far_move, now_ms, Some("sessions"));
            self.far_move = Some(far_move);
            return Ok(far_move.is_sure().then_some(horizon));
        }
        self.far_move = None;
        Ok(Some(horizon))
    }

    /// One transaction between two batches of calls, after which the bytes in memory of the accounts that it names are
    /// those in the store.
    async fn change(
        &self,
        change: impl FnOnce(&Connection) -> Result<Vec<AccountId>, LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let session_bytes = Arc::clone(&self.session_bytes);
        on_database(&self.commands, move |database| {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let accounts = change(&transaction)?;
            let sized = accounts
                .into_iter()
                .map(|account| Ok((account, sessions::account_bytes(&transaction, account)?)));
            let sized: Vec<_> = sized.collect::<rusqlite::Result<_>>()?;
            transaction.commit()?;
            sized.into_iter().for_each(|(account, bytes)| session_bytes.set(account, bytes));
            Ok(())
        })
        .await
    }
}
