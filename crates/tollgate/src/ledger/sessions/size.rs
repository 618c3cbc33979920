//! How many bytes the sessions of each account take, in memory, so that a call need not ask the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::AccountId;

/// The bytes of every account that has sessions, as of the last commit.
#[derive(Debug, Default)]
pub(in crate::ledger) struct SessionBytes {
    totals: Mutex<HashMap<AccountId, u64>>,
}

impl SessionBytes {
    /// As they are stored.
    pub(in crate::ledger) fn open(totals: HashMap<AccountId, u64>) -> SessionBytes {
        SessionBytes { totals: Mutex::new(totals) }
    }

    /// What the sessions of an account take.
    pub(in crate::ledger) fn of(&self, account: AccountId) -> u64 {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.get(&account).copied().unwrap_or(0)
    }

    /// Notes what was committed. Only the writer's thread does, so that the last one is the newest.
    pub(in crate::ledger) fn set(&self, account: AccountId, bytes: u64) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes == 0 {
            totals.remove(&account)
        } else {
            totals.insert(account, bytes)
        };
    }
}
