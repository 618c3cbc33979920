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
mod error;
pub mod ids;
mod keeper;
mod memory;
mod openings;
mod patience;
mod plans_in_use;
mod reader;
mod receipt;
mod registry;
mod sqlite;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub mod usage;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, Balance, CallId, Money, PlanName};
use tokio::sync::{mpsc, oneshot};

pub(crate) use account::check_name;
pub use account::{Account, AccountRow, NewAccount, Terms};
pub use admission::{Admission, Charged, Settling};
pub use answers::Scope;
pub use audit::{AuditReport, audit};
pub use error::{LedgerError, OpenError, SettleError, Unavailable};
pub use keeper::UsagePolicy;
pub use openings::{NewTrial, SignUp, TRIAL_REFERENCE};
pub use plans_in_use::plans_not_stored;
pub use receipt::{BILLING_UNAVAILABLE, DIALECTS, Page, Receipt, StoredReceipt};
pub use registry::{INVITES_PAGE_MAX, IdentityKind, IdentityMark, InviteRow};
pub(crate) use store::KeyRow;
pub use store::{CatalogueCopy, GrantRow};

use crate::clock::Clock;
use crate::telemetry::Telemetry;
use answers::Answers;
use keeper::Task;
use memory::MemoryStore;
use reader::Read;
use sqlite::usage::UsageReader;
use sqlite::{SqliteReceipts, SqliteStore};
use store::{NewGrant, Store, UsageStore};
use usage::{Activity, Calls, Cursor, KeyCounts, Point, Rebuilt, SeriesQuery};
use writer::{Command, Ending, Writer};

/// Calls that can be in flight: each keeps a place in the writer's queue. Sixteen thousand streams are far more than
/// one machine relays, and their places take two megabytes.
pub const CALLS_IN_FLIGHT_MAX: usize = 16_384;

/// Commands that can wait for the writer. Administration is not more parallel than this; others wait their turn.
const COMMANDS_MAX: usize = 64;

/// The longest reference of a grant, in bytes.
const REFERENCE_LEN_MAX: usize = 255;

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
    usage: Option<UsageThreads>,
    answers: Arc<Answers>,
    failing: Arc<AtomicBool>,
    telemetry: Arc<OnceLock<Arc<Telemetry>>>,
    clock: Clock,
}

/// The threads that keep usage and answer questions about it.
struct UsageThreads {
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
        if let Some(database) = store.database() {
            sqlite::usage::catch_up(database)?;
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
            failing: Arc::clone(&failing),
            telemetry: Arc::clone(&telemetry),
            clock: clock.clone(),
        };
        let reads = reader::start("ledger-reader", receipts)?;
        writer::start(writer)?;
        let accounts = RwLock::new(accounts);
        let usage = match database {
            Some(path) => Some(UsageThreads {
                questions: reader::start("usage-reader", UsageReader::open(path)?)?,
                tasks: keeper::start(sqlite::usage::read_only(path)?, commands.clone(), clock.clone())?,
            }),
            None => None,
        };
        let shared = Shared { accounts, endings, commands, reads, usage, answers, failing, telemetry, clock };
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

    /// Creates an account with nothing in it.
    pub async fn create_account(&self, new: NewAccount) -> Result<AccountRow, LedgerError> {
        check_name(&new.name)?;
        let row = AccountRow {
            id: ids::account_id(&self.shared.clock),
            name: new.name,
            kind: new.kind,
            terms: new.terms,
            granted: Money::ZERO,
            spent: Money::ZERO,
            identity: None,
            created_at_ms: self.shared.clock.now_ms(),
        };
        let shared = Arc::clone(&self.shared);
        self.on_writer(move |store| {
            store.create_account(&row)?;
            let account = Arc::new(Account::open(&row)?);
            shared.accounts.write().unwrap_or_else(PoisonError::into_inner).insert(row.id, account);
            Ok(row)
        })
        .await
    }

    /// Changes the terms of an account, durably and then in memory: `change` makes the new ones of those at the time. Calls
    /// in flight keep theirs.
    pub async fn change_terms(
        &self,
        account: AccountId,
        change: impl FnOnce(Terms) -> Terms + Send + 'static,
    ) -> Result<Arc<Account>, LedgerError> {
        let account = self.account(account).ok_or(LedgerError::UnknownAccount)?;
        self.on_writer(move |store| {
            let terms = change(Terms::clone(&account.terms()));
            store.set_terms(account.id, &terms)?;
            account.set_terms(terms);
            Ok(account)
        })
        .await
    }

    /// Grants credit that somebody paid for, durably and then in memory. It ends a trial: the account keeps its keys
    /// and what is left of its credit, and has no plan from then on. The same reference and amount again is answered as
    /// the first time; with another amount it is a [`LedgerError::Conflict`]. References are 1 to 255 bytes and unique
    /// per account.
    pub async fn grant(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
    ) -> Result<GrantRow, LedgerError> {
        self.grant_converting(account, amount, reference, None).await
    }

    /// As [`Ledger::grant`], and where it ends a trial, the account has the plan `converts_to` from then on.
    pub async fn grant_converting(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
        converts_to: Option<PlanName>,
    ) -> Result<GrantRow, LedgerError> {
        self.credit(account, amount, reference, Some(Terms { plan: converts_to, trial_ends_at_ms: None }))
            .await
    }

    /// Grants credit that nobody paid for. As [`Ledger::grant`], and a trial goes on.
    pub async fn give(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
    ) -> Result<GrantRow, LedgerError> {
        self.credit(account, amount, reference, None).await
    }

    async fn credit(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
        // What a trial becomes by it; nothing where nobody paid.
        after_trial: Option<Terms>,
    ) -> Result<GrantRow, LedgerError> {
        if amount.is_zero() {
            return Err(LedgerError::Invalid("a grant is more than nothing"));
        }
        if reference.is_empty() || reference.len() > REFERENCE_LEN_MAX {
            return Err(LedgerError::Invalid("a reference has 1 to 255 bytes"));
        }
        let account = self.account(account).ok_or(LedgerError::UnknownAccount)?;
        let (reference, clock) = (reference.to_owned(), self.shared.clock.clone());
        self.on_writer(move |store| {
            let (id, at_ms) = (ids::grant_id(&clock), clock.now_ms());
            let paid = after_trial.is_some();
            let converted = after_trial.filter(|_| account.terms().trial_ends_at_ms.is_some());
            let grant = NewGrant {
                id,
                account: account.id,
                amount,
                reference: &reference,
                paid,
                terms: converted.as_ref(),
                at_ms,
            };
            let row = store.grant(&grant)?;
            if row.repeated {
                return Ok(row);
            }
            if !account.grant(amount) {
                return Err(LedgerError::TooLarge);
            }
            if let Some(terms) = converted {
                account.set_terms(terms);
            }
            Ok(row)
        })
        .await
    }

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

    /// A page of an account's receipts, newest first.
    pub async fn receipts(&self, account: AccountId, page: Page) -> Result<Vec<StoredReceipt>, LedgerError> {
        reader::ask(&self.shared.reads, move |store| store.receipts(account, page)).await
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

    /// A part of the activity of these calls, at most [`Page::LIMIT_MAX`] of them, from `cursor` on.
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

    /// The points of a series, in order of time and group: at most [`usage::POINTS_MAX`], else [`LedgerError::TooManyPoints`].
    pub async fn series(&self, query: SeriesQuery) -> Result<Vec<Point>, LedgerError> {
        reader::ask(&self.usage()?.questions, move |usage| usage.series(&query)).await
    }

    /// Keeps usage like this from now on.
    pub async fn keep_usage(&self, policy: UsagePolicy) -> Result<(), LedgerError> {
        self.usage()?.tasks.send(Task::Follow(policy)).await.map_err(|_| LedgerError::Closed)
    }

    /// Rolls up every receipt that is settled by now, and deletes those that are older than what is kept.
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

    fn usage(&self) -> Result<&UsageThreads, LedgerError> {
        self.shared.usage.as_ref().ok_or(LedgerError::Invalid("this store keeps no usage"))
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
        if let Some(usage) = &self.shared.usage {
            let _ = usage.questions.send(Read::Close).await;
            let _ = usage.tasks.send(Task::Close).await;
            usage.questions.closed().await;
            usage.tasks.closed().await;
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
