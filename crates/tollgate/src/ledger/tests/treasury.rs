//! One suite for every store: the one in memory, which is the model, and SQLite.

use domain::{AccountId, AccountKind, CallId, GrantId, Money};
use tempfile::TempDir;

use super::{money, receipt};
use crate::ledger::account::{AccountRow, Terms};
use crate::ledger::grant::{GrantRow, NewGrant};
use crate::ledger::memory::MemoryStore;
use crate::ledger::sqlite::{SqliteReceipts, SqliteStore};
use crate::ledger::store::{Booked, Settlement, Store, Treasury, UsageStore};
use crate::ledger::{LedgerError, audit};

pub(super) const ADA: AccountId = AccountId::from_bits(0xADA);
pub(super) const BOB: AccountId = AccountId::from_bits(0xB0B);
pub(super) const METER: AccountId = AccountId::from_bits(0x3E7E4);

/// Runs a story on every store.
pub(super) fn on_every_store(story: impl Fn(&mut dyn TestStore)) {
    let memory = MemoryStore::default();
    story(&mut Pair { store: memory.clone(), receipts: memory, folder: None });
    let folder = tempfile::tempdir().unwrap();
    story(&mut sqlite(folder));
}

/// A store, and its reader.
pub(super) struct Pair<S, R> {
    pub(super) store: S,
    receipts: R,
    folder: Option<TempDir>,
}

pub(super) fn sqlite(folder: TempDir) -> Pair<SqliteStore, SqliteReceipts> {
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open(&path).expect("a store");
    Pair { store, receipts: SqliteReceipts::open(&path).expect("a reader"), folder: Some(folder) }
}

pub(super) trait TestStore {
    fn store(&mut self) -> &mut dyn Store;
    fn receipts(&mut self) -> &mut dyn UsageStore;
}

impl<S: Store, R: UsageStore> TestStore for Pair<S, R> {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }

    fn receipts(&mut self) -> &mut dyn UsageStore {
        &mut self.receipts
    }
}

impl<S, R> Drop for Pair<S, R> {
    /// Every story leaves a database whose history explains its balances.
    fn drop(&mut self) {
        if let Some(folder) = self.folder.as_ref().filter(|_| !std::thread::panicking()) {
            let report = audit(&folder.path().join("ledger.db")).expect("a readable database");
            assert_eq!(report.violations, [""; 0]);
        }
    }
}

pub(super) fn new_account(id: AccountId, kind: AccountKind) -> AccountRow {
    let terms = Terms { plan: Some("team".parse().unwrap()), trial_ends_at_ms: Some(77) };
    AccountRow {
        id,
        name: "Ada".to_owned(),
        kind,
        terms,
        granted: Money::ZERO,
        spent: Money::ZERO,
        identity: None,
        created_at_ms: 5,
    }
}

pub(super) fn grant(
    store: &mut dyn Treasury,
    account: AccountId,
    nanos: i64,
    reference: &str,
) -> Result<GrantRow, LedgerError> {
    let id =
        GrantId::from_bits(u128::from_be_bytes(*b"grant of credits") ^ account.to_bits() ^ digest(reference));
    store.grant(&NewGrant { id, account, amount: money(nanos), reference, paid: true, terms: None, at_ms: 9 })
}

fn digest(text: &str) -> u128 {
    text.bytes().fold(0, |sum, byte| sum * 257 + u128::from(byte))
}

pub(super) fn settlement(
    account: AccountId,
    kind: AccountKind,
    call: u128,
    hold: i64,
    cost: i64,
) -> Settlement {
    Settlement { receipt: receipt(account, call, cost), kind, hold: money(hold), answer: None, turn: None }
}

pub(super) fn prepaid(call: u128, hold: i64, cost: i64) -> Settlement {
    settlement(ADA, AccountKind::Prepaid, call, hold, cost)
}

/// Granted and spent, by account.
fn totals(store: &mut dyn Treasury) -> Vec<(AccountId, i64, i64)> {
    let rows = store.accounts().expect("the accounts");
    rows.into_iter().map(|row| (row.id, row.granted.nanos(), row.spent.nanos())).collect()
}

fn charges(booked: &[Booked]) -> Vec<(i64, i64, bool)> {
    booked
        .iter()
        .map(|booked| (booked.settled.charge.nanos(), booked.settled.uncollected.nanos(), booked.repeated))
        .collect()
}

#[test]
fn an_account_is_read_as_it_was_created() {
    on_every_store(|test| {
        let store = test.store();
        let rows = [new_account(ADA, AccountKind::Prepaid), new_account(METER, AccountKind::Metered)];
        for row in &rows {
            store.create_account(row).unwrap();
        }
        assert_eq!(store.accounts().unwrap(), rows);
    });
}

#[test]
fn of_a_transaction_that_is_rolled_back_nothing_is_left() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        store.begin().unwrap();
        store.create_account(&new_account(BOB, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, 500, "a").unwrap();
        assert!(
            matches!(grant(store, ADA, 501, "a"), Err(LedgerError::Conflict)),
            "it sees what came before"
        );
        store.roll_back();
        assert_eq!(totals(store), [(ADA, 0, 0)]);

        store.begin().unwrap();
        assert!(!grant(store, ADA, 501, "a").unwrap().repeated);
        assert!(grant(store, BOB, 1, "b").is_err(), "there is no such account");
        store.commit().unwrap();
        store.roll_back();
        assert_eq!(totals(store), [(ADA, 501, 0)]);
    });
}

#[test]
fn a_grant_happens_once() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        store.create_account(&new_account(BOB, AccountKind::Prepaid)).unwrap();
        let first = grant(store, ADA, 100, "invoice 1").unwrap();
        assert_eq!((first.balance, first.repeated), (money(100), false));
        grant(store, ADA, 50, "invoice 2").unwrap();
        store.settle(&[prepaid(1, 30, 30)], 10).unwrap();
        // Again: the answer of the first time, whatever happened since.
        let again = grant(store, ADA, 100, "invoice 1").unwrap();
        assert_eq!(again, GrantRow { repeated: true, ..first });
        let conflict = grant(store, ADA, 101, "invoice 1");
        assert!(matches!(conflict, Err(LedgerError::Conflict)), "{conflict:?}");
        // A reference is one account's own.
        assert!(!grant(store, BOB, 7, "invoice 1").unwrap().repeated);
        assert_eq!(totals(store), [(ADA, 150, 30), (BOB, 7, 0)]);
    });
}

#[test]
fn a_grant_that_does_not_fit_is_refused() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, i64::MAX, "all there is").unwrap();
        let more = grant(store, ADA, 1, "more");
        assert!(matches!(more, Err(LedgerError::TooLarge)), "{more:?}");
        let nobody = grant(store, BOB, 1, "nobody");
        assert!(matches!(nobody, Err(LedgerError::UnknownAccount)), "{nobody:?}");
        assert_eq!(totals(store), [(ADA, i64::MAX, 0)]);
    });
}

#[test]
fn a_batch_charges_each_call_at_most_its_hold() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        store.create_account(&new_account(BOB, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, 1_000, "first").unwrap();
        grant(store, BOB, 10, "first").unwrap();
        let batch = [
            prepaid(1, 100, 40),
            settlement(BOB, AccountKind::Prepaid, 2, 10, 11),
            prepaid(3, 100, 0),
            prepaid(4, 0, 5),
            prepaid(5, 60, 60),
        ];
        let booked = store.settle(&batch, 77).unwrap();
        let expected = [(40, 0, false), (10, 1, false), (0, 0, false), (0, 5, false), (60, 0, false)];
        assert_eq!(charges(&booked), expected);
        assert!(booked.iter().all(|booked| booked.at_ms == 77));
        assert_eq!(totals(store), [(ADA, 1_000, 100), (BOB, 10, 10)]);
    });
}

#[test]
fn a_call_is_settled_once() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, 1_000, "first").unwrap();
        // Twice in one batch, and again with another cost in the next.
        let booked = store.settle(&[prepaid(1, 100, 40), prepaid(1, 100, 90)], 10).unwrap();
        assert_eq!(charges(&booked), [(40, 0, false), (40, 0, true)]);
        let booked = store.settle(&[prepaid(2, 100, 1), prepaid(1, 100, 90)], 20).unwrap();
        assert_eq!(charges(&booked), [(1, 0, false), (40, 0, true)]);
        assert_eq!(booked[1].at_ms, 10);
        assert_eq!(totals(store), [(ADA, 1_000, 41)]);
        for (call, at_ms) in [(1, 10), (2, 20)] {
            let kept = test.receipts().receipt(CallId::from_bits(call)).unwrap();
            assert_eq!(kept.map(|stored| stored.settled_at_ms), Some(at_ms));
        }
    });
}

#[test]
fn a_metered_account_is_granted_what_it_uses_beyond_its_grants() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(METER, AccountKind::Metered)).unwrap();
        grant(store, METER, 50, "welcome").unwrap();
        let call = |call, cost| settlement(METER, AccountKind::Metered, call, 1_000, cost);
        store.settle(&[call(1, 20), call(2, 20)], 10).unwrap();
        assert_eq!(totals(store), [(METER, 50, 40)]);
        store.settle(&[call(3, 5), call(4, 30)], 20).unwrap();
        assert_eq!(totals(store), [(METER, 75, 75)]);
        grant(store, METER, 10, "more").unwrap();
        store.settle(&[call(5, 11)], 30).unwrap();
        assert_eq!(totals(store), [(METER, 86, 86)]);
    });
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, 100, "first").unwrap();
        let unknown = settlement(BOB, AccountKind::Prepaid, 2, 10, 10);
        store.settle(&[prepaid(1, 10, 10), unknown], 10).unwrap_err();
        assert_eq!(totals(store), [(ADA, 100, 0)]);
        // More than was granted: no hold of an escrow leads there, and the store does not follow one that does.
        store.settle(&[prepaid(3, 60, 60), prepaid(4, 60, 60)], 10).unwrap_err();
        assert_eq!(totals(store), [(ADA, 100, 0)]);
        for call in 1..=4 {
            assert_eq!(test.receipts().receipt(CallId::from_bits(call)).unwrap(), None);
        }
    });
}
