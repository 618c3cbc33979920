//! Accounts: as stored, and in memory with their escrow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use domain::{AccountId, AccountKind, Balance, Escrow, Hold, Money, PlanName, Refused, Settled};

use super::LedgerError;
use super::identity::{IdentityKind, IdentityMark};
use crate::limits::SharedMeter;

/// The longest name of an account or a key, in bytes.
pub(crate) const NAME_LEN_MAX: usize = 200;

/// An account to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// What people call it: 1 to 200 bytes.
    pub name: String,
    /// How it pays.
    pub kind: AccountKind,
    /// On which terms it starts.
    pub terms: Terms,
}

/// The terms of an account, which the operator may change at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its set of limits; `None` is no limits.
    pub plan: Option<PlanName>,
    /// When its trial ends, in milliseconds since the Unix epoch; `None` when it is on no trial.
    pub trial_ends_at_ms: Option<i64>,
}

/// An account as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// How it pays.
    pub kind: AccountKind,
    /// Its terms.
    pub terms: Terms,
    /// All that was ever granted to it.
    pub granted: Money,
    /// All that was ever charged to it.
    pub spent: Money,
    /// Who signed up for it; `None` where the operator made it.
    pub identity: Option<IdentityMark>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// An account in memory.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// How it pays.
    pub kind: AccountKind,
    /// How the person who signed up for it was known; `None` where the operator made it.
    pub identity: Option<IdentityKind>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// What it used, and what its limits still allow.
    pub meter: SharedMeter,
    terms: ArcSwap<Terms>,
    escrow: Mutex<Escrow>,
}

impl Account {
    /// The account of a stored row, with nothing held.
    pub(crate) fn open(row: &AccountRow) -> Result<Account, LedgerError> {
        let escrow = Escrow::open(row.kind, row.granted, row.spent)
            .ok_or_else(|| LedgerError::Damaged(format!("{} spent more than it was granted", row.id)))?;
        Ok(Account {
            id: row.id,
            name: row.name.clone(),
            kind: row.kind,
            identity: row.identity.map(|identity| identity.kind),
            created_at_ms: row.created_at_ms,
            meter: SharedMeter::default(),
            terms: ArcSwap::from_pointee(row.terms.clone()),
            escrow: Mutex::new(escrow),
        })
    }

    /// The money that a new hold may take; `None` when there is no cap.
    #[must_use]
    pub fn budget(&self) -> Option<Money> {
        self.escrow().budget()
    }

    /// The balance now.
    #[must_use]
    pub fn balance(&self) -> Balance {
        self.escrow().balance()
    }

    /// Its terms now.
    #[must_use]
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// When its trial ended, in milliseconds since the Unix epoch, if that is over at `now_ms`.
    #[must_use]
    pub fn trial_over(&self, now_ms: impl FnOnce() -> i64) -> Option<i64> {
        self.terms.load().trial_ends_at_ms.filter(|ends_at_ms| now_ms() >= *ends_at_ms)
    }

    pub(super) fn set_terms(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    pub(super) fn hold(&self, amount: Money) -> Result<Hold, Refused> {
        self.escrow().hold(amount)
    }

    pub(super) fn settle(&self, hold: Hold, cost: Money) -> Settled {
        self.escrow().settle(hold, cost)
    }

    pub(super) fn grant(&self, amount: Money) -> bool {
        self.escrow().grant(amount)
    }

    fn escrow(&self) -> MutexGuard<'_, Escrow> {
        // The escrow is whole after a panic: none of its steps can be left half done.
        self.escrow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses names that are empty, too long or carry control characters.
pub(crate) fn check_name(name: &str) -> Result<(), LedgerError> {
    if name.trim().is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
        return Err(LedgerError::Invalid("a name has 1 to 200 bytes and no control characters"));
    }
    Ok(())
}
