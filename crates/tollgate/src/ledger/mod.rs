//! The ledger: balances in memory, and one writer thread that makes every settlement durable before it is answered.
//!
//! A call is admitted by reserving the place of its ending in the writer's queue, holds money in its account's escrow
//! (memory only), and ends by sending one message. The writer commits whatever has arrived in one transaction, then
//! settles the holds in memory and answers. So the store is never on the way of a call that begins, and no answer is
//! finished before its charge is durable.

mod account;
mod admission;
pub(crate) mod answers;
mod audit;
mod credit;
mod deed;
mod ending;
mod error;
mod far_move;
mod grant;
mod history;
mod identity;
pub mod ids;
mod keeper;
mod key;
mod labels;
mod memory;
mod openings;
mod patience;
mod plans_in_use;
mod reader;
mod receipt;
mod registry;
pub mod sessions;
mod sqlite;
pub(crate) mod store;
#[cfg(test)]
pub(crate) mod tests;
pub mod usage;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, Balance};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use account::check_name;
pub use account::{Account, AccountRow, NewAccount, Terms};
pub use admission::{Admission, Settling};
pub use answers::Scope;
pub use audit::{AuditReport, audit};
pub use deed::Deed;
pub(crate) use deed::{Answered, Written};
pub use ending::Charged;
pub use error::{LedgerError, OpenError, SettleError, Unavailable};
pub use grant::GrantRow;
pub use identity::{IdentityKind, IdentityMark};
pub use key::KeyTerms;
pub(crate) use key::{KeyRow, PreviousSecret};
pub use labels::{InvalidLabels, LABEL_NAME_LEN_MAX, LABEL_TEXT_LEN_MAX, LABELS_MAX, Labels};
pub use openings::{NewTrial, SignUp, TRIAL_REFERENCE};
pub use plans_in_use::plans_not_stored;
pub use receipt::{RECEIPTS_MAX, StoredReceipt};
pub use registry::{INVITES_PAGE_MAX, InviteRow};
pub use store::CatalogueCopy;

use crate::clock::Clock;
use crate::telemetry::Telemetry;
use answers::Answers;
use ending::Ending;
use keeper::Task;
use memory::MemoryStore;
use reader::Read;
use sessions::SessionBytes;
use sqlite::usage::{QUESTION_TIME_MAX, UsageReader};
use sqlite::{SqliteReceipts, SqliteStore};
use store::{Store, UsageStore};
use writer::{Command, Writer};

/// Calls that can be in flight: each keeps a place in the writer's queue. Sixteen thousand streams are far more than
/// one machine relays, and their places take two megabytes.
pub const CALLS_IN_FLIGHT_MAX: usize = 16_384;

/// Commands that can wait for the writer. Administration is not more parallel than this; others wait their turn.
const COMMANDS_MAX: usize = 64;

/// Where the ledger is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In memory, for tests: gone with the process.
    Memory,
    /// In the SQLite database of that path, which is created when it does not exist.
    Sqlite(PathBuf),
}

/// The ledger. Clones are the same ledger.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    accounts: RwLock<HashMap<AccountId, Arc<Account>>>,
    endings: mpsc::Sender<Ending>,
    commands: mpsc::Sender<Command>,
    reads: mpsc::Sender<Read<Box<dyn UsageStore + Send>>>,
    /// `None` for a store in memory.
    database: Option<DatabaseThreads>,
    answers: Arc<Answers>,
    session_bytes: Arc<SessionBytes>,
    failing: Arc<AtomicBool>,
    telemetry: Arc<OnceLock<Arc<Telemetry>>>,
    clock: Clock,
}

/// The threads that only a database has: they read sessions, keep usage and answer questions about it.
struct DatabaseThreads {
    /// Reads histories, of which one may take as long as many receipts.
    sessions: mpsc::Sender<Read<Connection>>,
    questions: mpsc::Sender<Read<UsageReader>>,
    tasks: mpsc::Sender<Task>,
}

impl Ledger {
    /// Opens the store, loads every account, and starts the writer and the reader.
    pub fn open(store: StoreConfig, clock: Clock) -> Result<Ledger, LedgerError> {
        match store {
            StoreConfig::Memory => {
                let store = MemoryStore::default();
                Ledger::start(Box::new(store.clone()), Box::new(store), None, clock)
            }
            StoreConfig::Sqlite(path) => {
                let store = SqliteStore::open(&path)?;
                let receipts = SqliteReceipts::open(&path)?;
                Ledger::start(Box::new(store), Box::new(receipts), Some(&path), clock)
            }
        }
    }

    pub(crate) fn start(
        mut store: Box<dyn Store>,
        receipts: Box<dyn UsageStore + Send>,
        database: Option<&Path>,
        clock: Clock,
    ) -> Result<Ledger, LedgerError> {
        let mut session_bytes = Arc::<SessionBytes>::default();
        if let Some(database) = store.database() {
            sqlite::usage::catch_up(database)?;
            session_bytes = Arc::new(sqlite::sessions::take_up(database)?);
        }
        let mut accounts = HashMap::new();
        for row in store.accounts()? {
            accounts.insert(row.id, Arc::new(Account::open(&row)?));
        }
        let answers = Answers::open(store.answers()?, clock.clone());
        let (endings, endings_in) = mpsc::channel(CALLS_IN_FLIGHT_MAX);
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
        let failing = Arc::new(AtomicBool::new(false));
        let telemetry = Arc::new(OnceLock::new());
        let writer = Writer {
            store,
            endings: endings_in,
            commands: commands_in,
            session_bytes: Arc::clone(&session_bytes),
            failing: Arc::clone(&failing),
            telemetry: Arc::clone(&telemetry),
            clock: clock.clone(),
        };
        let reads = reader::start("ledger-reader", receipts)?;
        writer::start(writer)?;
        let accounts = RwLock::new(accounts);
        let database = match database {
            Some(path) => Some(DatabaseThreads {
                sessions: reader::start("session-reader", sqlite::usage::read_only(path)?)?,
                questions: reader::start("usage-reader", UsageReader::open(path, QUESTION_TIME_MAX)?)?,
                tasks: keeper::start(
                    sqlite::usage::read_only(path)?,
                    commands.clone(),
                    Arc::clone(&session_bytes),
                    clock.clone(),
                )?,
            }),
            None => None,
        };
        let shared = Shared {
            accounts,
            endings,
            commands,
            reads,
            database,
            answers,
            session_bytes,
            failing,
            telemetry,
            clock,
        };
        Ok(Ledger { shared: Arc::new(shared) })
    }

    /// The account of that id, from memory.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<Arc<Account>> {
        self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every account, oldest first, from memory.
    #[must_use]
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        let accounts = self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = accounts.values().cloned().collect();
        list.sort_by_key(|account| account.id);
        list
    }

    /// The balance of an account now, from memory.
    #[must_use]
    pub fn balance(&self, id: AccountId) -> Option<Balance> {
        self.account(id).map(|account| account.balance())
    }

    /// Whether the store takes settlements. While it does not, nothing is admitted.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.shared.failing.load(Ordering::Acquire)
    }

    /// Reports every call to `telemetry` from now on, once it is stored. The first one that is named stays.
    pub fn report_to(&self, telemetry: Arc<Telemetry>) {
        let _ = self.shared.telemetry.set(telemetry);
    }

    /// Calls that hold a place in the writer's queue, at most [`CALLS_IN_FLIGHT_MAX`].
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.shared.endings.max_capacity() - self.shared.endings.capacity()
    }

    /// Admits a call: reserves the place of its ending. Take the hold with [`Admission::hold`].
    pub fn try_admit(&self, account: &Arc<Account>) -> Result<Admission, Unavailable> {
        if self.shared.failing.load(Ordering::Acquire) {
            return Err(Unavailable::Failing);
        }
        match self.shared.endings.clone().try_reserve_owned() {
            Ok(place) => Ok(Admission::new(Arc::clone(account), place)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Unavailable::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Unavailable::Closed),
        }
    }

    /// The last good catalogue of a provider.
    pub async fn load_catalogue(&self, provider: &str) -> Result<Option<CatalogueCopy>, LedgerError> {
        let provider = provider.to_owned();
        self.on_writer(move |store| store.catalogue(&provider)).await
    }

    /// Keeps the last good catalogue of a provider.
    pub async fn save_catalogue(
        &self,
        provider: &str,
        body: Bytes,
        fetched_at_ms: i64,
    ) -> Result<(), LedgerError> {
        let (provider, copy) = (provider.to_owned(), CatalogueCopy { body, fetched_at_ms });
        self.on_writer(move |store| store.save_catalogue(&provider, &copy)).await
    }

    /// Waits until no call is in flight and everything is committed; `false` when `deadline` passed before. While it
    /// waits, nothing is admitted.
    pub async fn drain(&self, deadline: Duration) -> bool {
        let drained = async {
            let mut places = self.shared.endings.reserve_many(CALLS_IN_FLIGHT_MAX).await.ok()?;
            let (reached, answer) = oneshot::channel();
            places.next()?.send(Ending::Barrier(reached));
            answer.await.ok()
        };
        matches!(tokio::time::timeout(deadline, drained).await, Ok(Some(())))
    }

    /// Admits nothing more, waits for the calls in flight to end and for their commits, and closes the store.
    ///
    /// Calls that do not end hold it up: [`Ledger::drain`] first.
    pub async fn close(self) {
        // An error says that it is closed already; here and below.
        if let Some(threads) = &self.shared.database {
            let _ = threads.sessions.send(Read::Close).await;
            let _ = threads.questions.send(Read::Close).await;
            let _ = threads.tasks.send(Task::Close).await;
            threads.sessions.closed().await;
            threads.questions.closed().await;
            threads.tasks.closed().await;
        }
        let _ = self.shared.reads.send(Read::Close).await;
        self.shared.reads.closed().await;
        let _ = self.shared.commands.send(Command::Close).await;
        self.shared.commands.closed().await;
    }

    /// Runs `work` on the store between two batches.
    pub(crate) async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        writer::ask(&self.shared.commands, work).await
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}
