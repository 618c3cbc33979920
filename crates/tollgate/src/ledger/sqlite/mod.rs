//! The store in one SQLite database, which one process owns.
//!
//! One connection writes and checkpoints; a second one only reads receipts. The log is synced at every commit, so that
//! a commit that was answered survives a power loss.

mod answers;
mod columns;
mod files;
mod keys;
mod plans;
mod receipts;
mod registry;
mod schema;
pub(crate) mod sessions;
mod settings;
mod sums;
mod treasury;
pub(crate) mod usage;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracing::error;

pub(super) use receipts::SqliteReceipts;
pub(crate) use schema::{VERSION, version};

use super::store::{RollupStore, Transactions};
use super::{LedgerError, OpenError};
use files::OwnerLock;

/// The oldest SQLite whose write-ahead log is safe with two connections (3.51.3: the "WAL-reset" fix).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long to wait for a lock of a stranger, say of a backup, before the commit counts as failed.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// Pages in the log before it is copied into the database: 16 MB.
const CHECKPOINT_PAGES: i64 = 4_096;

/// Prepared statements that are kept: more than there are.
const STATEMENTS_MAX: usize = 128;

/// The owner's connection.
pub(crate) struct SqliteStore {
    connection: Connection,
    /// Released after the connection is closed.
    _lock: OwnerLock,
}

impl SqliteStore {
    /// Opens the database at `path` as its only owner, creates it when it does not exist, and brings its schema up to
    /// date. It refuses what it cannot serve whole.
    pub(crate) fn open(path: &Path) -> Result<SqliteStore, OpenError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(OpenError::OldSqlite { found: rusqlite::version() });
        }
        let lock = OwnerLock::take(path)?;
        files::create_private(path)?;
        let failed = |source| refusal(path, source);
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        // Before the first write, so that the database of a stranger stays as it is.
        schema::version(path, &connection)?;
        if connection.is_readonly("main").map_err(failed)? {
            return Err(OpenError::ReadOnly { path: path.to_owned() });
        }
        set_up(&connection).map_err(failed)?;
        schema::bring_up_to_date(path, &mut connection)?;
        schema::check(path, &connection)?;
        Ok(SqliteStore { connection, _lock: lock })
    }

    /// Keeps the database from growing beyond this, as a full disk does.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) -> rusqlite::Result<()> {
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }
}

impl Transactions for SqliteStore {
    fn begin(&mut self) -> Result<(), LedgerError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn roll_back(&mut self) {
        // Some failures have ended the transaction already.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            error!(%error, "a failed transaction could not be rolled back");
        }
    }
}

impl RollupStore for SqliteStore {
    fn database(&mut self) -> Option<&mut Connection> {
        Some(&mut self.connection)
    }
}

/// A connection without a mutex: each has one thread. Names of files are never URIs.
pub(super) fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What was deleted is overwritten, prompts and answers above all.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))
}

/// Why a database was not opened, from what SQLite said.
pub(super) fn refusal(path: &Path, source: rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, ReadOnly};
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt) => OpenError::Damaged { path, what: source.to_string() },
        Some(ReadOnly) => OpenError::ReadOnly { path },
        _ => OpenError::Sqlite { path, source },
    }
}
