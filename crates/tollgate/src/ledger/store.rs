//! What the ledger asks of a store, by role. Every verb is one transaction; none is called on a caller's thread.

use bytes::Bytes;
use domain::{AccountId, AccountKind, CallId, GrantId, KeyId, Money, Settled};

use super::LedgerError;
use super::account::{AccountRow, Terms};
use super::receipt::{Page, Receipt, StoredReceipt};
use crate::keys::{KeyTerms, PreviousSecret};

/// Money: accounts, grants, settlements.
pub(crate) trait Treasury {
    /// Every account.
    fn accounts(&mut self) -> Result<Vec<AccountRow>, LedgerError>;

    /// Stores a new account, whose totals are zero.
    fn create_account(&mut self, row: &AccountRow) -> Result<(), LedgerError>;

    /// Changes the terms of an account.
    fn set_terms(&mut self, account: AccountId, terms: &Terms) -> Result<(), LedgerError>;

    /// Grants credit once per account and reference. Again with the same amount, it answers as the first time.
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

/// Reading receipts. It has a connection of its own and never waits for the writer, nor the writer for it.
pub(crate) trait UsageStore {
    /// One receipt of an account.
    fn receipt(&mut self, account: AccountId, call: CallId) -> Result<Option<StoredReceipt>, LedgerError>;

    /// A page of an account's receipts, newest first.
    fn receipts(&mut self, account: AccountId, page: Page) -> Result<Vec<StoredReceipt>, LedgerError>;
}

/// All that the writer thread needs.
pub(crate) trait Store: Treasury + KeyStore + SettingsStore + Send {}

impl<T: Treasury + KeyStore + SettingsStore + Send> Store for T {}

/// A grant to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewGrant<'a> {
    /// The id it will have.
    pub(crate) id: GrantId,
    /// To whom.
    pub(crate) account: AccountId,
    /// How much; more than nothing.
    pub(crate) amount: Money,
    /// The caller's name for it, unique within the account.
    pub(crate) reference: &'a str,
    /// When.
    pub(crate) at_ms: i64,
}

/// A grant as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
    /// The caller's name for it.
    pub reference: String,
    /// Granted less spent, right after it. Holds of calls in flight at the time are not deducted.
    pub balance: Money,
    /// When, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Whether it had been made before.
    pub repeated: bool,
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
}

/// What a settlement came to in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Booked {
    /// The charge that is stored.
    pub(crate) settled: Settled,
    /// When it was stored.
    pub(crate) at_ms: i64,
    /// Whether the call was stored before this batch.
    pub(crate) repeated: bool,
}

/// A key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRow {
    /// Its id.
    pub(crate) id: KeyId,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The key that made it.
    pub(crate) maker: Option<KeyId>,
    /// What can be changed about it.
    pub(crate) terms: KeyTerms,
    /// The visible beginning of its secret: `tg-xxxxxxxx`.
    pub(crate) prefix: String,
    /// The SHA-256 of its secret.
    pub(crate) digest: [u8; 32],
    /// The secret before, while it goes on working.
    pub(crate) previous: Option<PreviousSecret>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub(crate) created_at_ms: i64,
    /// When it last got a new secret, in milliseconds since the Unix epoch.
    pub(crate) rotated_at_ms: Option<i64>,
    /// When it was revoked, in milliseconds since the Unix epoch.
    pub(crate) revoked_at_ms: Option<i64>,
}

/// A provider's listing, as it sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueCopy {
    /// The body of the provider's answer.
    pub body: Bytes,
    /// When it was fetched, in milliseconds since the Unix epoch.
    pub fetched_at_ms: i64,
}
