//! What can go wrong at the ledger.

use std::path::PathBuf;

use thiserror::Error;

/// Why the ledger did not do what it was asked.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No such account.
    #[error("no such account")]
    UnknownAccount,
    /// No such key.
    #[error("no such key")]
    UnknownKey,
    /// No such invite.
    #[error("no such invite")]
    UnknownInvite,
    /// The invite was used, revoked or has expired.
    #[error("the invite is no longer good")]
    InviteSpent,
    /// The identity has an account.
    #[error("this identity has an account already")]
    Registered,
    /// The key is revoked, which nothing changes.
    #[error("the key is revoked")]
    KeyRevoked,
    /// The key that asks is revoked or has expired since it was shown.
    #[error("the key that asks has ended")]
    ActorEnded,
    /// The key that asks was shown by a secret that was replaced.
    #[error("the secret was replaced")]
    SecretReplaced,
    /// The key was the maker of the one that asks, or of its maker, and so on.
    #[error("a key does not manage its makers")]
    KeyIsMaker,
    /// The account has made as many keys as an account may.
    #[error("the account has too many keys")]
    TooManyKeys,
    /// The reference was used before, for another amount.
    #[error("this reference was used before, for another grant")]
    Conflict,
    /// The account's total would not fit.
    #[error("the account's total would be too large")]
    TooLarge,
    /// The argument is outside its bounds; the text names it.
    #[error("{0}")]
    Invalid(&'static str),
    /// The system has no randomness for a secret.
    #[error("no randomness for a secret: {0}")]
    Entropy(#[from] getrandom::Error),
    /// A question about usage has more points than are answered at once.
    #[error("more than {0} points: ask for a shorter time, a longer interval or fewer groups")]
    TooManyPoints(usize),
    /// A question about usage took too long.
    #[error("this takes too long to look up: ask for a shorter time or fewer calls")]
    TooSlow,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// The store holds something that it must not.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store's engine failed.
    #[error("the store failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<std::io::Error> for LedgerError {
    fn from(error: std::io::Error) -> LedgerError {
        LedgerError::Failed(Box::new(error))
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> LedgerError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => LedgerError::TooSlow,
            _ => LedgerError::Failed(Box::new(error)),
        }
    }
}

/// Why a store was not opened. Each names the file and what to do about it.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file or its folder could not be made or opened.
    #[error("cannot open {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process owns the database.
    #[error("{database} is in use by another process, which holds {lock}")]
    InUse {
        /// The database.
        database: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
    },
    /// Made by a later release.
    #[error(
        "{path} has schema version {found}, and this release knows versions up to {known}: use a later release"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// Made by an earlier release, and only to be read.
    #[error(
        "{path} has schema version {found}, and this release reads version {known}: start the gateway with it first"
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that is read.
        known: u32,
    },
    /// A database, but not one of this program.
    #[error("{path} is a database of another program")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// Not readable as a database, or its contents contradict each other.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// It can be read but not written.
    #[error("{path} is read-only")]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The SQLite library is older than 3.51.3, whose write-ahead log can corrupt a database.
    #[error("SQLite {found} is too old: 3.51.3 or later is needed")]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// The engine failed.
    #[error("cannot open {path}: {source}")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

/// Why a call was not admitted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unavailable {
    /// As many calls are in flight as the ledger keeps places for.
    #[error("too many calls are in flight")]
    Busy,
    /// The store does not take settlements at the moment, and nothing is sent for free.
    #[error("billing is unavailable")]
    Failing,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// Why a settlement has no answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SettleError {
    /// The ledger stopped before the settlement was committed.
    #[error("the ledger stopped before the settlement was committed")]
    Closed,
}
