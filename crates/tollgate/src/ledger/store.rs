//! What the ledger asks of a store, by role. Every verb is all or nothing, and durable with its end or, after
//! [`Transactions::begin`], with the commit. None is called on a caller's thread.

use bytes::Bytes;
use domain::{AccountId, AccountKind, CallId, Money, Receipt, Settled};
use rusqlite::Connection;

use super::LedgerError;
use super::account::{AccountRow, Terms};
use super::answers::{AnswerEntry, KeptAnswer, NewAnswer, Place};
use super::grant::{GrantRow, NewGrant};
use super::key::KeyRow;
use super::receipt::StoredReceipt;
use super::registry::Registry;
use super::sessions::NewTurn;

/// Several verbs as one.
pub(crate) trait Transactions {
    /// Begins a transaction: what follows counts with its commit. Settlements have their own and come in none.
    fn begin(&mut self) -> Result<(), LedgerError>;

    /// Makes all that was written since [`Transactions::begin`] durable. After an error, [`Transactions::roll_back`].
    fn commit(&mut self) -> Result<(), LedgerError>;

    /// Leaves nothing of what was written since [`Transactions::begin`].
    fn roll_back(&mut self);
}

/// Money: accounts, grants, settlements.
pub(crate) trait Treasury {
    /// Every account.
    fn accounts(&mut self) -> Result<Vec<AccountRow>, LedgerError>;

    /// Stores a new account, whose totals are zero.
    fn create_account(&mut self, row: &AccountRow) -> Result<(), LedgerError>;

    /// Changes the terms of an account.
    fn set_terms(&mut self, account: AccountId, terms: &Terms) -> Result<(), LedgerError>;

    /// Grants credit once per account and reference, and with it changes the account's terms, where the grant says so.
    /// Again with the same amount, paid or not as before, it answers as the first time.
    fn grant(&mut self, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError>;

    /// Stores a batch of settlements, all or none, and answers for each in its order.
    ///
    /// A call that is stored already is left as it is and answered with what was stored. After an error the caller
    /// repeats the same batch, so that it does not matter whether a failed commit had come through.
    fn settle(&mut self, batch: &[Settlement], at_ms: i64) -> Result<Vec<Booked>, LedgerError>;
}

/// API keys, as digests.
pub(crate) trait KeyStore {
    /// Every key, revoked ones included.
    fn keys(&mut self) -> Result<Vec<KeyRow>, LedgerError>;

    /// Stores a new key.
    fn create_key(&mut self, row: &KeyRow) -> Result<(), LedgerError>;

    /// Replaces what is stored of a key.
    fn save_key(&mut self, row: &KeyRow) -> Result<(), LedgerError>;
}

/// Plans that operators made by the admin API.
pub(crate) trait PlanStore {
    /// Every stored plan.
    fn plans(&mut self) -> Result<Vec<PlanRow>, LedgerError>;

    /// Stores a plan, in the place of the one of its name.
    fn save_plan(&mut self, row: &PlanRow) -> Result<(), LedgerError>;

    /// Deletes the plan of that name, if it is there.
    fn delete_plan(&mut self, name: &str) -> Result<(), LedgerError>;
}

/// The few values that outlive a restart and are no money.
pub(crate) trait SettingsStore {
    /// The value of that name.
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Sets the value of that name.
    fn save_setting(&mut self, name: &str, value: &[u8]) -> Result<(), LedgerError>;

    /// The last good catalogue of a provider.
    fn catalogue(&mut self, provider: &str) -> Result<Option<CatalogueCopy>, LedgerError>;

    /// Replaces the last good catalogue of a provider.
    fn save_catalogue(&mut self, provider: &str, copy: &CatalogueCopy) -> Result<(), LedgerError>;
}

/// Answers that are kept for requests that are repeated. Those of calls are stored by [`Treasury::settle`].
pub(crate) trait AnswerStore {
    /// What the index needs of every answer, in the order in which they expire.
    fn answers(&mut self) -> Result<Vec<AnswerEntry>, LedgerError>;

    /// Stores an answer, in the place of one that has expired there.
    fn keep_answer(&mut self, answer: &NewAnswer, at_ms: i64) -> Result<(), LedgerError>;

    /// Deletes at most `limit` answers that have expired, and says how many.
    fn forget_answers(&mut self, now_ms: i64, limit: u32) -> Result<usize, LedgerError>;
}

/// Reading receipts and kept answers. It has a connection of its own and never waits for the writer, nor the writer for it.
pub(crate) trait UsageStore {
    /// One receipt, whoever's it is.
    fn receipt(&mut self, call: CallId) -> Result<Option<StoredReceipt>, LedgerError>;

    /// The answer that is kept in a place.
    fn answer(&mut self, place: &Place) -> Result<Option<KeptAnswer>, LedgerError>;
}

/// What only a database keeps: rollups of usage, and sessions.
pub(crate) trait RollupStore {
    /// The database. A store in memory has none, and as it begins empty it has no history to roll up.
    fn database(&mut self) -> Option<&mut Connection> {
        None
    }
}

/// All that the writer thread needs.
pub(crate) trait Store:
    Transactions + Treasury + Registry + KeyStore + PlanStore + SettingsStore + AnswerStore + RollupStore + Send
{
}

impl<T> Store for T where
    T: Transactions
        + Treasury
        + Registry
        + KeyStore
        + PlanStore
        + SettingsStore
        + AnswerStore
        + RollupStore
        + Send
{
}

/// A call to settle.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    /// The record of the call.
    pub(crate) receipt: Receipt,
    /// How its account pays.
    pub(crate) kind: AccountKind,
    /// What was reserved for it.
    pub(crate) hold: Money,
    /// The answer for those who repeat the request, where it has an idempotency key.
    pub(crate) answer: Option<Box<NewAnswer>>,
    /// The turn of a session, where the call is stored as one.
    pub(crate) turn: Option<Box<NewTurn>>,
}

impl Settlement {
    /// The answer, if it is to be kept: whoever pays for an answer can have it again, and whoever got a whole one for
    /// nothing as well, unless it was withheld or waived. What ended otherwise may be tried again.
    pub(crate) fn kept_answer(&self, settled: Settled) -> Option<&NewAnswer> {
        let answer = self.answer.as_deref()?;
        self.receipt.keeps_answer(settled, answer.complete).then_some(answer)
    }
}

/// What a settlement came to in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Booked {
    /// The charge that is stored.
    pub(crate) settled: Settled,
    /// The tokens that are stored, of prompt and answer.
    pub(crate) tokens: u64,
    /// When it was stored.
    pub(crate) at_ms: i64,
    /// Whether the call was stored before this batch.
    pub(crate) repeated: bool,
    /// Whether its answer is stored for those who repeat the request.
    pub(crate) kept: bool,
    /// What the account's sessions take after it, in bytes, where it has a turn.
    pub(crate) session_bytes: Option<u64>,
}

/// A plan as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanRow {
    /// Its name.
    pub(crate) name: String,
    /// The rest of it, as JSON.
    pub(crate) body: String,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub(crate) updated_at_ms: i64,
}

/// A provider's listing, as it sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueCopy {
    /// The body of the provider's answer.
    pub body: Bytes,
    /// When it was fetched, in milliseconds since the Unix epoch.
    pub fetched_at_ms: i64,
}
