//! The store in memory: the model that every other store is tested against.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AccountId, AccountKind, CallId, KeyId, Settled};

use super::LedgerError;
use super::account::{AccountRow, Terms};
use super::receipt::{Page, StoredReceipt};
use super::store::{
    Booked, CatalogueCopy, GrantRow, KeyRow, KeyStore, NewGrant, SettingsStore, Settlement, Treasury,
    UsageStore,
};

/// A store in memory. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountId, AccountRow>,
    grants: HashMap<(AccountId, String), GrantRow>,
    receipts: BTreeMap<(AccountId, CallId), StoredReceipt>,
    keys: BTreeMap<KeyId, KeyRow>,
    settings: HashMap<String, Vec<u8>>,
    catalogues: HashMap<String, CatalogueCopy>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Treasury for MemoryStore {
    fn accounts(&mut self) -> Result<Vec<AccountRow>, LedgerError> {
        Ok(self.tables().accounts.values().cloned().collect())
    }

    fn create_account(&mut self, row: &AccountRow) -> Result<(), LedgerError> {
        self.tables().accounts.insert(row.id, row.clone());
        Ok(())
    }

    fn set_terms(&mut self, account: AccountId, terms: &Terms) -> Result<(), LedgerError> {
        let mut tables = self.tables();
        let row = tables.accounts.get_mut(&account).ok_or(LedgerError::UnknownAccount)?;
        row.terms = terms.clone();
        Ok(())
    }

    fn grant(&mut self, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError> {
        let mut tables = self.tables();
        let name = (grant.account, grant.reference.to_owned());
        if let Some(earlier) = tables.grants.get(&name) {
            let same = earlier.amount == grant.amount;
            return if same {
                Ok(GrantRow { repeated: true, ..earlier.clone() })
            } else {
                Err(LedgerError::Conflict)
            };
        }
        let account = tables.accounts.get_mut(&grant.account).ok_or(LedgerError::UnknownAccount)?;
        account.granted = account.granted.checked_add(grant.amount).ok_or(LedgerError::TooLarge)?;
        let row = GrantRow {
            id: grant.id,
            account: grant.account,
            amount: grant.amount,
            reference: grant.reference.to_owned(),
            balance: account.granted.saturating_sub(account.spent),
            created_at_ms: grant.at_ms,
            repeated: false,
        };
        tables.grants.insert(name, row.clone());
        Ok(row)
    }

    fn settle(&mut self, batch: &[Settlement], at_ms: i64) -> Result<Vec<Booked>, LedgerError> {
        let mut tables = self.tables();
        let mut draft = Draft::default();
        let booked: Vec<_> =
            batch.iter().map(|call| draft.settle(&tables, call, at_ms)).collect::<Result<_, _>>()?;
        tables.accounts.extend(draft.accounts);
        tables.receipts.extend(draft.receipts);
        Ok(booked)
    }
}

/// The rows that a batch would write: all of them, or none.
#[derive(Default)]
struct Draft {
    accounts: BTreeMap<AccountId, AccountRow>,
    receipts: BTreeMap<(AccountId, CallId), StoredReceipt>,
}

impl Draft {
    fn settle(&mut self, tables: &Tables, call: &Settlement, at_ms: i64) -> Result<Booked, LedgerError> {
        let receipt = &call.receipt;
        let name = (receipt.account, receipt.call);
        if let Some(stored) = self.receipts.get(&name).or_else(|| tables.receipts.get(&name)) {
            let settled = Settled { charge: stored.charge, uncollected: stored.uncollected };
            return Ok(Booked { settled, at_ms: stored.settled_at_ms, repeated: true });
        }
        let stored = tables.accounts.get(&receipt.account).ok_or(LedgerError::UnknownAccount)?;
        let account = self.accounts.entry(receipt.account).or_insert_with(|| stored.clone());
        let settled = receipt.settled(call.hold);
        account.spent = account.spent.checked_add(settled.charge).ok_or(LedgerError::TooLarge)?;
        if call.kind == AccountKind::Metered {
            account.granted = account.granted.max(account.spent);
        }
        if account.spent > account.granted {
            return Err(LedgerError::Damaged(format!("{} would spend more than it was granted", account.id)));
        }
        let stored = StoredReceipt {
            receipt: receipt.clone(),
            hold: call.hold,
            charge: settled.charge,
            uncollected: settled.uncollected,
            settled_at_ms: at_ms,
        };
        self.receipts.insert(name, stored);
        Ok(Booked { settled, at_ms, repeated: false })
    }
}

impl KeyStore for MemoryStore {
    fn keys(&mut self) -> Result<Vec<KeyRow>, LedgerError> {
        Ok(self.tables().keys.values().cloned().collect())
    }

    fn create_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        self.tables().keys.insert(row.id, row.clone());
        Ok(())
    }

    fn save_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        let mut tables = self.tables();
        *tables.keys.get_mut(&row.id).ok_or(LedgerError::UnknownKey)? = row.clone();
        Ok(())
    }
}

impl SettingsStore for MemoryStore {
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.tables().settings.get(name).cloned())
    }

    fn save_setting(&mut self, name: &str, value: &[u8]) -> Result<(), LedgerError> {
        self.tables().settings.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn catalogue(&mut self, provider: &str) -> Result<Option<CatalogueCopy>, LedgerError> {
        Ok(self.tables().catalogues.get(provider).cloned())
    }

    fn save_catalogue(&mut self, provider: &str, copy: &CatalogueCopy) -> Result<(), LedgerError> {
        self.tables().catalogues.insert(provider.to_owned(), copy.clone());
        Ok(())
    }
}

impl UsageStore for MemoryStore {
    fn receipt(&mut self, account: AccountId, call: CallId) -> Result<Option<StoredReceipt>, LedgerError> {
        Ok(self.tables().receipts.get(&(account, call)).cloned())
    }

    fn receipts(&mut self, account: AccountId, page: Page) -> Result<Vec<StoredReceipt>, LedgerError> {
        let first = (account, CallId::from_bits(0));
        let end = match page.before {
            Some(call) => Bound::Excluded((account, call)),
            None => Bound::Included((account, CallId::from_bits(u128::MAX))),
        };
        let limit = page.limit.min(Page::LIMIT_MAX) as usize;
        let tables = self.tables();
        let newest = tables.receipts.range((Bound::Included(first), end)).rev();
        Ok(newest.take(limit).map(|(_, stored)| stored.clone()).collect())
    }
}
