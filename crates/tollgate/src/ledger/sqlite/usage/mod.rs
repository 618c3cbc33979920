//! Usage in SQLite: rollups of the receipts by hour, day and month, each by key and over all keys, kept by a background
//! task, and the questions that they answer.
//!
//! Every row of a rollup is a function of the receipts up to the watermark. The task reads receipts and computes whole
//! rows on a connection of its own; the ledger's writer only stores them, together with the new watermark, if that is
//! still where the computation began. Questions add what lies beyond the watermark, so that their answers are exact.

mod activity;
mod counts;
mod filter;
mod fold;
mod rebuild;
mod retain;
mod rollup;
mod rows;
mod series;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub(crate) use counts::counts;
pub(crate) use fold::{AT_ONCE, IN_BACKGROUND, next_fold};
pub(crate) use rebuild::{Mending, days_to_check, mend_day, mend_month, mend_totals, months_to_check};
pub(crate) use retain::{expired, horizon, keeps_from_before, move_horizon, prune};
pub(crate) use rows::store;

use super::{connect, refusal};
use crate::ledger::usage::{Activity, Calls, Cursor, Point, SeriesQuery};
use crate::ledger::{LedgerError, OpenError};

/// How long one question of a gateway's users may take. Everything that rollups answer takes a hundredth of it.
pub(crate) const QUESTION_TIME_MAX: Duration = Duration::from_secs(5);

/// Instructions of SQLite's machine between two looks at the clock: some hundred microseconds.
const LOOK_EVERY: i32 = 10_000;

/// A connection that only reads, for questions about usage.
pub(crate) struct UsageReader {
    connection: Connection,
    question_time_max: Duration,
}

impl UsageReader {
    /// Opens the database at `path`, which its owner has opened before. No question takes longer than
    /// `question_time_max`.
    pub(crate) fn open(path: &Path, question_time_max: Duration) -> Result<UsageReader, OpenError> {
        Ok(UsageReader { connection: read_only(path)?, question_time_max })
    }

    /// A part of the activity of these calls: at most `limit` of them, from `cursor` on.
    pub(crate) fn activity(
        &mut self,
        calls: &Calls,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Activity, LedgerError> {
        self.at_one_moment(|connection| activity::page(connection, calls, cursor, limit))
    }

    /// How many of these calls there are.
    pub(crate) fn total(&mut self, calls: &Calls) -> Result<u64, LedgerError> {
        self.at_one_moment(|connection| activity::total(connection, calls))
    }

    /// The points of a series, in order of time and group.
    pub(crate) fn series(&mut self, query: &SeriesQuery) -> Result<Vec<Point>, LedgerError> {
        self.at_one_moment(|connection| series::points(connection, query))
    }

    /// Answers a question from one state of the database, or gives up when it takes too long.
    fn at_one_moment<T>(
        &mut self,
        ask: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let until = Instant::now() + self.question_time_max;
        self.connection.progress_handler(LOOK_EVERY, Some(move || Instant::now() > until))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        ask(&transaction)
    }
}

/// A connection that only reads the database at `path`.
pub(crate) fn read_only(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|source| refusal(path, source))
}

/// Where the rollups stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The last receipt that is in the rollups.
    pub(crate) rolled_seq: i64,
    /// Receipts of calls that started and were settled before this time may be gone.
    pub(crate) keep_from_ms: i64,
}

impl State {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<State> {
        connection.prepare_cached("SELECT rolled_seq, keep_from_ms FROM usage_state")?.query_row([], |row| {
            Ok(State { rolled_seq: row.get("rolled_seq")?, keep_from_ms: row.get("keep_from_ms")? })
        })
    }
}

/// Folds every receipt that is not in the rollups yet, on the only connection there is.
pub(crate) fn catch_up(connection: &mut Connection) -> Result<(), LedgerError> {
    while let Some(change) = next_fold(connection, AT_ONCE)? {
        store(connection, &change)?;
    }
    Ok(())
}
