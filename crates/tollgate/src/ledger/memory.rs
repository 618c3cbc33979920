//! The store in memory: the model that every other store is tested against.

mod registry;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AccountId, AccountKind, CallId, InviteId, KeyId, Settled};

use super::LedgerError;
use super::account::{AccountRow, Terms};
use super::answers::{AnswerEntry, KEPT_MS, KeptAnswer, NewAnswer, Place};
use super::grant::{GrantRow, NewGrant};
use super::key::KeyRow;
use super::receipt::StoredReceipt;
use super::registry::InviteRow;
use super::store::{
    AnswerStore, Booked, CatalogueCopy, KeyStore, PlanRow, PlanStore, RollupStore, SettingsStore, Settlement,
    Transactions, Treasury, UsageStore,
};

/// A store in memory. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    /// What there was before the transaction that is under way.
    before: Option<Tables>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountId, AccountRow>,
    grants: HashMap<(AccountId, String), GrantRow>,
    receipts: HashMap<CallId, StoredReceipt>,
    keys: BTreeMap<KeyId, KeyRow>,
    plans: BTreeMap<String, PlanRow>,
    settings: HashMap<String, Vec<u8>>,
    catalogues: HashMap<String, CatalogueCopy>,
    answers: HashMap<Place, (NewAnswer, i64)>,
    invites: BTreeMap<InviteId, InviteRow>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transactions for MemoryStore {
    fn begin(&mut self) -> Result<(), LedgerError> {
        let before = self.tables().clone();
        self.before = Some(before);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        self.before = None;
        Ok(())
    }

    fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            *self.tables() = before;
        }
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
        self.tables().grant(grant)
    }

    fn settle(&mut self, batch: &[Settlement], at_ms: i64) -> Result<Vec<Booked>, LedgerError> {
        let mut tables = self.tables();
        let mut draft = Draft::default();
        let booked: Vec<_> =
            batch.iter().map(|call| draft.settle(&tables, call, at_ms)).collect::<Result<_, _>>()?;
        tables.accounts.extend(draft.accounts);
        tables.receipts.extend(draft.receipts.into_iter().map(|stored| (stored.receipt.call, stored)));
        tables.answers.extend(draft.answers);
        Ok(booked)
    }
}

impl Tables {
    fn grant(&mut self, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError> {
        let name = (grant.account, grant.reference.to_owned());
        if let Some(earlier) = self.grants.get(&name) {
            let same = (earlier.amount, earlier.paid) == (grant.amount, grant.paid);
            return if same {
                Ok(GrantRow { repeated: true, ..earlier.clone() })
            } else {
                Err(LedgerError::Conflict)
            };
        }
        let account = self.accounts.get_mut(&grant.account).ok_or(LedgerError::UnknownAccount)?;
        account.granted = account.granted.checked_add(grant.amount).ok_or(LedgerError::TooLarge)?;
        let balance = account.granted.saturating_sub(account.spent);
        if let Some(terms) = grant.terms {
            account.terms = terms.clone();
        }
        let row = grant.row(balance);
        self.grants.insert(name, row.clone());
        Ok(row)
    }
}

/// The rows that a batch would write: all of them, or none.
#[derive(Default)]
struct Draft {
    accounts: BTreeMap<AccountId, AccountRow>,
    receipts: Vec<StoredReceipt>,
    answers: HashMap<Place, (NewAnswer, i64)>,
}

impl Draft {
    fn settle(&mut self, tables: &Tables, call: &Settlement, at_ms: i64) -> Result<Booked, LedgerError> {
        let receipt = &call.receipt;
        let drafted = self.receipts.iter().find(|stored| stored.receipt.call == receipt.call);
        if let Some(stored) = drafted.or_else(|| tables.receipts.get(&receipt.call)) {
            let settled = Settled { charge: stored.charge, uncollected: stored.uncollected };
            let kept = call.answer.as_ref().is_some_and(|answer| {
                let place = answer.mark.place;
                let stored = self.answers.get(&place).or_else(|| tables.answers.get(&place));
                stored.is_some_and(|(stored, _)| stored.call == Some(receipt.call))
            });
            let (tokens, at_ms) = (stored.receipt.tokens(), stored.settled_at_ms);
            return Ok(Booked { settled, tokens, at_ms, repeated: true, kept, session_bytes: None });
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
        self.receipts.push(stored);
        let kept = call.kept_answer(settled);
        if let Some(answer) = kept {
            self.answers.insert(answer.mark.place, (answer.clone(), at_ms + KEPT_MS));
        }
        let (tokens, kept) = (receipt.tokens(), kept.is_some());
        Ok(Booked { settled, tokens, at_ms, repeated: false, kept, session_bytes: None })
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

impl RollupStore for MemoryStore {}

impl PlanStore for MemoryStore {
    fn plans(&mut self) -> Result<Vec<PlanRow>, LedgerError> {
        Ok(self.tables().plans.values().cloned().collect())
    }

    fn save_plan(&mut self, row: &PlanRow) -> Result<(), LedgerError> {
        self.tables().plans.insert(row.name.clone(), row.clone());
        Ok(())
    }

    fn delete_plan(&mut self, name: &str) -> Result<(), LedgerError> {
        self.tables().plans.remove(name);
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

impl AnswerStore for MemoryStore {
    fn answers(&mut self) -> Result<Vec<AnswerEntry>, LedgerError> {
        let entry = |(answer, expires_at_ms): &(NewAnswer, i64)| AnswerEntry {
            mark: answer.mark,
            call: answer.call,
            bytes: answer.sealed.as_ref().and_then(|sealed| u32::try_from(sealed.len()).ok()),
            expires_at_ms: *expires_at_ms,
        };
        let mut entries: Vec<_> = self.tables().answers.values().map(entry).collect();
        entries.sort_by_key(|entry| entry.expires_at_ms);
        Ok(entries)
    }

    fn keep_answer(&mut self, answer: &NewAnswer, at_ms: i64) -> Result<(), LedgerError> {
        self.tables().answers.insert(answer.mark.place, (answer.clone(), at_ms + KEPT_MS));
        Ok(())
    }

    fn forget_answers(&mut self, now_ms: i64, limit: u32) -> Result<usize, LedgerError> {
        let mut tables = self.tables();
        let expired = tables.answers.iter().filter(|(_, (_, expires_at_ms))| *expires_at_ms <= now_ms);
        let places: Vec<_> = expired.map(|(place, _)| *place).take(limit as usize).collect();
        places.iter().for_each(|place| {
            tables.answers.remove(place);
        });
        Ok(places.len())
    }
}

impl UsageStore for MemoryStore {
    fn receipt(&mut self, call: CallId) -> Result<Option<StoredReceipt>, LedgerError> {
        Ok(self.tables().receipts.get(&call).cloned())
    }

    fn answer(&mut self, place: &Place) -> Result<Option<KeptAnswer>, LedgerError> {
        let tables = self.tables();
        Ok(tables.answers.get(place).map(|(answer, _)| KeptAnswer {
            call: answer.call,
            status: answer.status,
            content_type: answer.content_type.clone(),
            sealed: answer.sealed.clone(),
        }))
    }
}
