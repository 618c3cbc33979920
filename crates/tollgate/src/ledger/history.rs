//! What was: receipts one by one, activity, and sums of usage.

use domain::{AccountId, CallId};
use tokio::sync::oneshot;

use super::keeper::Task;
use super::usage::{Activity, Calls, Cursor, KeyCounts, Point, Rebuilt, SeriesQuery};
use super::{DatabaseThreads, Ledger, LedgerError, StoredReceipt, reader, sqlite};
use crate::config::UsagePolicy;

impl Ledger {
    /// One receipt of an account.
    pub async fn receipt(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<StoredReceipt>, LedgerError> {
        let found = self.anyones_receipt(call).await?;
        Ok(found.filter(|stored| stored.receipt.account == account))
    }

    /// One receipt, whoever's it is.
    pub async fn anyones_receipt(&self, call: CallId) -> Result<Option<StoredReceipt>, LedgerError> {
        reader::ask(&self.shared.reads, move |store| store.receipt(call)).await
    }

    /// What every key has used in the periods that hold `now_ms`. Receipts beyond the last rollup are folded first.
    pub async fn counts(&self, now_ms: i64) -> Result<Vec<KeyCounts>, LedgerError> {
        self.on_writer(move |store| {
            let Some(database) = store.database() else { return Ok(Vec::new()) };
            sqlite::usage::catch_up(database)?;
            Ok(sqlite::usage::counts(database, now_ms)?)
        })
        .await
    }

    /// A part of the activity of these calls, at most [`super::RECEIPTS_MAX`] of them, from `cursor` on.
    pub async fn activity(
        &self,
        calls: Calls,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Activity, LedgerError> {
        reader::ask(&self.usage()?.questions, move |usage| usage.activity(&calls, cursor, limit)).await
    }

    /// How many of these calls there are.
    pub async fn activity_total(&self, calls: Calls) -> Result<u64, LedgerError> {
        reader::ask(&self.usage()?.questions, move |usage| usage.total(&calls)).await
    }

    /// The points of a series, in order of time and group: at most [`super::usage::POINTS_MAX`], else [`LedgerError::TooManyPoints`].
    pub async fn series(&self, query: SeriesQuery) -> Result<Vec<Point>, LedgerError> {
        reader::ask(&self.usage()?.questions, move |usage| usage.series(&query)).await
    }

    /// Keeps usage like this from now on.
    pub async fn keep_usage(&self, policy: UsagePolicy) -> Result<(), LedgerError> {
        self.usage()?.tasks.send(Task::Follow(policy)).await.map_err(|_| LedgerError::Closed)
    }

    /// Rolls up every receipt that is settled by now, and deletes receipts and sessions that are older than what is kept.
    pub async fn roll_up(&self) -> Result<(), LedgerError> {
        let (answer, answered) = oneshot::channel();
        self.usage()?.tasks.send(Task::Keep(answer)).await.map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    /// Computes the rollups anew from the receipts that are still there. The rollups of older ones stay.
    pub async fn rebuild_usage(&self) -> Result<Rebuilt, LedgerError> {
        let (answer, answered) = oneshot::channel();
        self.usage()?.tasks.send(Task::Rebuild(answer)).await.map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    pub(super) fn usage(&self) -> Result<&DatabaseThreads, LedgerError> {
        self.shared.database.as_ref().ok_or(LedgerError::Invalid("this store keeps no usage"))
    }
}
