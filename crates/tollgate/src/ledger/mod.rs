//! The ledger: balances in memory, and one writer thread that makes every settlement durable before it is answered.
//!
//! A call is admitted by reserving the place of its ending in the writer's queue, holds money in its account's escrow
//! (memory only), and ends by sending one message. The writer commits whatever has arrived in one transaction, then
//! settles the holds in memory and answers. So the store is never on the way of a call that begins, and no answer is
//! finished before its charge is durable.

mod account;
mod admission;
mod audit;
mod error;
pub mod ids;
mod memory;
mod patience;
mod reader;
mod receipt;
mod sqlite;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, Balance, CallId, Money};
use tokio::sync::{mpsc, oneshot};

pub(crate) use account::check_name;
pub use account::{Account, AccountRow, NewAccount, Terms};
pub use admission::{Admission, Charged, Settling};
pub use audit::{AuditReport, audit};
pub use error::{LedgerError, OpenError, SettleError, Unavailable};
pub use receipt::{BILLING_UNAVAILABLE, DIALECTS, Page, Receipt, StoredReceipt};
pub(crate) use store::KeyRow;
pub use store::{CatalogueCopy, GrantRow};

use crate::clock::Clock;
use memory::MemoryStore;
use reader::Read;
use sqlite::{SqliteReceipts, SqliteStore};
use store::{NewGrant, Store, UsageStore};
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
    reads: mpsc::Sender<Read>,
    failing: Arc<AtomicBool>,
    clock: Clock,
}

impl Ledger {
    /// Opens the store, loads every account, and starts the writer and the reader.
    pub fn open(store: StoreConfig, clock: Clock) -> Result<Ledger, LedgerError> {
        match store {
            StoreConfig::Memory => {
                let store = MemoryStore::default();
                Ledger::start(Box::new(store.clone()), Box::new(store), clock)
            }
            StoreConfig::Sqlite(path) => {
                let store = SqliteStore::open(&path)?;
                let receipts = SqliteReceipts::open(&path)?;
                Ledger::start(Box::new(store), Box::new(receipts), clock)
            }
        }
    }

    pub(crate) fn start(
        mut store: Box<dyn Store>,
        receipts: Box<dyn UsageStore + Send>,
        clock: Clock,
    ) -> Result<Ledger, LedgerError> {
        let mut accounts = HashMap::new();
        for row in store.accounts()? {
            accounts.insert(row.id, Arc::new(Account::open(&row)?));
        }
        let (endings, endings_in) = mpsc::channel(CALLS_IN_FLIGHT_MAX);
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
        let failing = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            store,
            endings: endings_in,
            commands: commands_in,
            failing: Arc::clone(&failing),
            clock: clock.clone(),
        };
        let reads = reader::start(receipts)?;
        writer::start(writer)?;
        let shared = Shared { accounts: RwLock::new(accounts), endings, commands, reads, failing, clock };
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

    /// Changes the terms of an account, durably and then in memory. Calls in flight keep theirs.
    pub async fn set_terms(&self, account: AccountId, terms: Terms) -> Result<(), LedgerError> {
        let account = self.account(account).ok_or(LedgerError::UnknownAccount)?;
        self.on_writer(move |store| {
            store.set_terms(account.id, &terms)?;
            account.set_terms(terms);
            Ok(())
        })
        .await
    }

    /// Grants credit, durably and then in memory. The same reference and amount again is answered as the first time;
    /// with another amount it is a [`LedgerError::Conflict`]. References are 1 to 255 bytes and unique per account.
    pub async fn grant(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
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
            let grant = NewGrant { id, account: account.id, amount, reference: &reference, at_ms };
            let row = store.grant(&grant)?;
            if !row.repeated && !account.grant(amount) {
                return Err(LedgerError::TooLarge);
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
        reader::ask(&self.shared.reads, move |store| store.receipt(account, call)).await
    }

    /// A page of an account's receipts, newest first.
    pub async fn receipts(&self, account: AccountId, page: Page) -> Result<Vec<StoredReceipt>, LedgerError> {
        reader::ask(&self.shared.reads, move |store| store.receipts(account, page)).await
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
        // An error says that it is closed already.
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
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |store: &mut dyn Store| {
            // Whoever asked may have left; the work is done all the same.
            let _ = answer.send(work(store));
        });
        self.shared.commands.send(Command::Run(work)).await.map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
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
