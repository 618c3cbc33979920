//! SQLite against its model, the store in memory, over random histories.

use domain::{AccountId, AccountKind};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::treasury::{ADA, BOB, METER, grant, new_account, settlement, sqlite};
use crate::ledger::memory::MemoryStore;
use crate::ledger::store::Treasury;

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
