//! One suite for every store: the one in memory, which is the model, and SQLite.

use domain::{AccountId, AccountKind, CallId, GrantId, KeyId, Money, Price, Rate, Usage};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use tempfile::TempDir;

use super::{money, receipt};
use crate::ledger::account::AccountRow;
use crate::ledger::memory::MemoryStore;
use crate::ledger::sqlite::{SqliteReceipts, SqliteStore};
use crate::ledger::store::{
    Booked, CatalogueCopy, GrantRow, KeyRow, KeyStore, NewGrant, SettingsStore, Settlement, Treasury,
    UsageStore,
};
use crate::ledger::{LedgerError, Page, Receipt, audit};

const ADA: AccountId = AccountId::from_bits(0xADA);
const BOB: AccountId = AccountId::from_bits(0xB0B);
const METER: AccountId = AccountId::from_bits(0x3E7E4);

/// Runs a story on every store.
fn on_every_store(story: impl Fn(&mut dyn TestStore)) {
    let memory = MemoryStore::default();
    story(&mut Pair { store: memory.clone(), receipts: memory, folder: None });
    let folder = tempfile::tempdir().unwrap();
    story(&mut sqlite(folder));
}

/// A store, and its reader.
struct Pair<S, R> {
    store: S,
    receipts: R,
    folder: Option<TempDir>,
}

fn sqlite(folder: TempDir) -> Pair<SqliteStore, SqliteReceipts> {
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open(&path).expect("a store");
    Pair { store, receipts: SqliteReceipts::open(&path).expect("a reader"), folder: Some(folder) }
}

trait TestStore {
    fn store(&mut self) -> &mut dyn crate::ledger::store::Store;
    fn receipts(&mut self) -> &mut dyn UsageStore;
}

impl<S: Treasury + KeyStore + SettingsStore + Send, R: UsageStore> TestStore for Pair<S, R> {
    fn store(&mut self) -> &mut dyn crate::ledger::store::Store {
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

fn new_account(id: AccountId, kind: AccountKind) -> AccountRow {
    let (name, plan) = ("Ada".to_owned(), Some("team".to_owned()));
    AccountRow { id, name, kind, plan, granted: Money::ZERO, spent: Money::ZERO, created_at_ms: 5 }
}

fn grant(
    store: &mut dyn Treasury,
    account: AccountId,
    nanos: i64,
    reference: &str,
) -> Result<GrantRow, LedgerError> {
    let id =
        GrantId::from_bits(u128::from_be_bytes(*b"grant of credits") ^ account.to_bits() ^ digest(reference));
    store.grant(&NewGrant { id, account, amount: money(nanos), reference, at_ms: 9 })
}

fn digest(text: &str) -> u128 {
    text.bytes().fold(0, |sum, byte| sum * 257 + u128::from(byte))
}

fn settlement(account: AccountId, kind: AccountKind, call: u128, hold: i64, cost: i64) -> Settlement {
    Settlement { receipt: receipt(account, call, cost), kind, hold: money(hold) }
}

fn prepaid(call: u128, hold: i64, cost: i64) -> Settlement {
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
        let page = Page { limit: 10, before: None };
        assert_eq!(test.receipts().receipts(ADA, page).unwrap().len(), 2);
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
        let page = Page { limit: 10, before: None };
        assert_eq!(test.receipts().receipts(ADA, page).unwrap(), []);
    });
}

/// A receipt with every field filled in.
fn full_receipt(call: u128) -> Receipt {
    let rate = |nanos| Rate::from_nanos(nanos).unwrap();
    Receipt {
        dialect: "messages",
        stream: true,
        model_served: Some("meta-llama/Llama-3.1-8B-Instruct".to_owned()),
        provider: Some("huggingface".into()),
        inference_provider: Some("novita".to_owned()),
        route_reason: "alias smart: cheapest of 3 — \"quoted\", 100 % '; DROP TABLE receipts".to_owned(),
        usage: Usage { input: 1 << 32, cached_input: 3, output: 250, reasoning: 7 },
        usage_suspect: true,
        price: Some(Price { input: rate(1), output: Rate::MAX, cached_input: Some(rate(0)) }),
        status: 529,
        error_code: Some("overloaded".to_owned()),
        first_token_us: Some(250_000),
        total_us: 1_250_000,
        attempts: 3,
        finish_reason: Some("length".to_owned()),
        upstream_id: Some("chatcmpl-\u{1F980}".to_owned()),
        ..receipt(ADA, call, 40)
    }
}

#[test]
fn a_receipt_is_read_as_it_was_written() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        grant(store, ADA, 100, "first").unwrap();
        let receipts = [full_receipt(1), Receipt { price: None, cost: None, ..receipt(ADA, 2, 0) }];
        for receipt in &receipts {
            let hold = money(30);
            store
                .settle(&[Settlement { receipt: receipt.clone(), kind: AccountKind::Prepaid, hold }], 88)
                .unwrap();
        }
        for (receipt, charge, uncollected) in [(&receipts[0], 30, 10), (&receipts[1], 0, 0)] {
            let stored = test.receipts().receipt(ADA, receipt.call).unwrap().unwrap();
            assert_eq!(stored.receipt, *receipt);
            assert_eq!((stored.hold, stored.settled_at_ms), (money(30), 88));
            assert_eq!((stored.charge, stored.uncollected), (money(charge), money(uncollected)));
        }
        assert_eq!(receipts[0].output_milli_tokens_per_second(), Some(250_000));
        assert_eq!(receipts[1].output_milli_tokens_per_second(), None);
    });
}

#[test]
fn an_account_sees_its_own_receipts_newest_first() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        store.create_account(&new_account(BOB, AccountKind::Prepaid)).unwrap();
        for call in [3, 1, 5, 4, 2] {
            store.settle(&[prepaid(call, 0, 0)], 10).unwrap();
        }
        store.settle(&[settlement(BOB, AccountKind::Prepaid, 6, 0, 0)], 10).unwrap();
        let receipts = test.receipts();
        let mut list = |account, limit, before: Option<u128>| {
            let page = Page { limit, before: before.map(CallId::from_bits) };
            let stored = receipts.receipts(account, page).unwrap();
            stored.into_iter().map(|stored| stored.receipt.call.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(list(ADA, 10, None), [5, 4, 3, 2, 1]);
        assert_eq!(list(ADA, 2, None), [5, 4]);
        assert_eq!(list(ADA, 2, Some(4)), [3, 2]);
        assert_eq!(list(ADA, 10, Some(1)), [0; 0]);
        assert_eq!(list(ADA, 0, None), [0; 0]);
        assert_eq!(list(BOB, u32::MAX, None), [6]);
        assert_eq!(receipts.receipt(ADA, CallId::from_bits(6)).unwrap(), None, "another account's call");
    });
}

#[test]
fn keys_are_read_as_they_were_written() {
    on_every_store(|test| {
        let store = test.store();
        store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
        let row = KeyRow {
            id: KeyId::from_bits(1),
            account: ADA,
            name: "laptop".to_owned(),
            prefix: "tg-abcdefgh".to_owned(),
            digest: [9; 32],
            created_at_ms: 5,
            revoked_at_ms: None,
        };
        store.create_key(&row).unwrap();
        assert_eq!(store.keys().unwrap(), std::slice::from_ref(&row));
        // The first revocation stays.
        store.revoke_key(row.id, 6).unwrap();
        store.revoke_key(row.id, 7).unwrap();
        assert_eq!(store.keys().unwrap(), [KeyRow { revoked_at_ms: Some(6), ..row }]);
        let unknown = store.revoke_key(KeyId::from_bits(2), 8);
        assert!(matches!(unknown, Err(LedgerError::UnknownKey)), "{unknown:?}");
    });
}

#[test]
fn settings_and_catalogues_are_replaced() {
    on_every_store(|test| {
        let store = test.store();
        assert_eq!(store.setting("admin").unwrap(), None);
        assert_eq!(store.catalogue("huggingface").unwrap(), None);
        for (value, fetched_at_ms) in [("one", 1), ("two", 2)] {
            store.save_setting("admin", value.as_bytes()).unwrap();
            let copy = CatalogueCopy { body: value.into(), fetched_at_ms };
            store.save_catalogue("huggingface", &copy).unwrap();
            assert_eq!(store.setting("admin").unwrap().as_deref(), Some(value.as_bytes()));
            assert_eq!(store.catalogue("huggingface").unwrap(), Some(copy));
        }
        assert_eq!(store.setting("other").unwrap(), None);
    });
}

/// Work for two stores at once.
#[derive(Clone, Debug)]
enum Step {
    Grant(AccountId, i64, u8),
    Settle(Vec<(AccountId, u128, i64, i64)>),
}

fn steps() -> impl Strategy<Value = Step> {
    let accounts = || prop_oneof![Just(ADA), Just(BOB), Just(METER)];
    let amounts = || prop_oneof![0..40i64, Just(i64::MAX)];
    let call = (accounts(), 0..40u128, 0..40i64, amounts());
    prop_oneof![
        (accounts(), prop_oneof![1..100i64, Just(i64::MAX)], any::<u8>())
            .prop_map(|(account, nanos, reference)| Step::Grant(account, nanos, reference % 8)),
        vec(call, 1..6).prop_map(Step::Settle),
    ]
}

fn kind(account: AccountId) -> AccountKind {
    if account == METER { AccountKind::Metered } else { AccountKind::Prepaid }
}

/// What a store answers, with errors reduced to their kind.
fn take(store: &mut dyn Treasury, step: &Step) -> String {
    match step {
        Step::Grant(account, nanos, reference) => {
            match grant(store, *account, *nanos, &reference.to_string()) {
                Ok(row) => format!("{row:?}"),
                Err(error) => error.to_string(),
            }
        }
        Step::Settle(calls) => {
            // A call belongs to one account.
            let batch: Vec<_> = calls
                .iter()
                .map(|(account, call, hold, cost)| {
                    let call = call * 4 + account.to_bits() % 4;
                    settlement(*account, kind(*account), call, *hold, *cost)
                })
                .collect();
            store.settle(&batch, 10).map_or("refused".to_owned(), |booked| format!("{booked:?}"))
        }
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]

    #[test]
    fn sqlite_is_its_model(steps in vec(steps(), 1..40)) {
        let mut model = MemoryStore::default();
        let mut test = sqlite(tempfile::tempdir()?);
        for id in [ADA, BOB, METER] {
            model.create_account(&new_account(id, kind(id))).unwrap();
            test.store.create_account(&new_account(id, kind(id))).unwrap();
        }
        for step in &steps {
            prop_assert_eq!(take(&mut test.store, step), take(&mut model, step));
            prop_assert_eq!(test.store.accounts().unwrap(), model.accounts().unwrap());
        }
    }
}
