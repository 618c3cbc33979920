//! Accounts: as stored, and in memory with their escrow.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{AccountId, AccountKind, Balance, Escrow, Hold, Money, Refused, Settled};

use super::LedgerError;

/// The longest name of an account or a key, in bytes.
pub(crate) const NAME_LEN_MAX: usize = 200;

/// An account to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// What people call it: 1 to 200 bytes.
    pub name: String,
    /// How it pays.
    pub kind: AccountKind,
    /// The name of its set of limits.
    pub plan: Option<String>,
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
    /// The name of its set of limits.
    pub plan: Option<String>,
    /// All that was ever granted to it.
    pub granted: Money,
    /// All that was ever charged to it.
    pub spent: Money,
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
    /// The name of its set of limits.
    pub plan: Option<String>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
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
            plan: row.plan.clone(),
            created_at_ms: row.created_at_ms,
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
