//! What keys and accounts used before this start, so that a restart opens no quota anew.

use std::collections::HashMap;

use domain::{AccountId, Count, Money, PerPeriod, Period};

use super::KeyRing;
use crate::ledger::{Ledger, LedgerError};

/// Loads the meter of every key and account from the history of calls. It belongs before the first call.
pub async fn load_meters(ledger: &Ledger, keys: &KeyRing) -> Result<(), LedgerError> {
    // One moment for all, so that a day that ends meanwhile is not loaded as the next one.
    let at_ms = ledger.now_ms();
    let mut accounts: HashMap<AccountId, PerPeriod<Count>> = HashMap::new();
    for used in ledger.counts(at_ms).await? {
        if let Some(key) = keys.get(used.key) {
            key.meter.load(used.counts, at_ms);
        }
        let sum = accounts.entry(used.account).or_default();
        for period in Period::ALL {
            sum[period] = both(sum[period], used.counts[period]);
        }
    }
    for account in ledger.accounts() {
        if let Some(sum) = accounts.get(&account.id) {
            account.meter.load(*sum, at_ms);
        }
    }
    Ok(())
}

fn both(one: Count, other: Count) -> Count {
    Count {
        requests: one.requests.saturating_add(other.requests),
        tokens: one.tokens.saturating_add(other.tokens),
        spend: one.spend.checked_add(other.spend).unwrap_or(Money::MAX),
    }
}
