//! What is stored is read back whole, on every store: receipts, keys, settings, catalogues.

use std::collections::BTreeMap;

use domain::{
    AccountKind, CallId, KeyId, KeyRole, Limit, Limits, Models, Networks, Period, Price, Rate, Receipt,
    Rights, Usage,
};

use super::treasury::{ADA, BOB, grant, new_account, on_every_store, prepaid, settlement};
use super::{money, receipt};

use crate::ledger::key::KeyRow;
use crate::ledger::store::{CatalogueCopy, Settlement};
use crate::ledger::{KeyTerms, LedgerError, PreviousSecret};

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
        session: Some("conversation 7".to_owned()),
        label: Some("nightly-report".to_owned()),
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
                .settle(
                    &[Settlement {
                        receipt: receipt.clone(),
                        kind: AccountKind::Prepaid,
                        hold,
                        answer: None,
                        turn: None,
                    }],
                    88,
                )
                .unwrap();
        }
        for (receipt, charge, uncollected) in [(&receipts[0], 30, 10), (&receipts[1], 0, 0)] {
            let stored = test.receipts().receipt(receipt.call).unwrap().unwrap();
            assert_eq!(stored.receipt, *receipt);
            assert_eq!((stored.hold, stored.settled_at_ms), (money(30), 88));
            assert_eq!((stored.charge, stored.uncollected), (money(charge), money(uncollected)));
        }
        assert_eq!(receipts[0].output_milli_tokens_per_second(), Some(250_000));
        assert_eq!(receipts[1].output_milli_tokens_per_second(), Some(0));
    });
}

#[test]
fn a_receipt_is_found_by_its_call_alone() {
    on_every_store(|test| {
        let store = test.store();
        for account in [ADA, BOB] {
            store.create_account(&new_account(account, AccountKind::Prepaid)).unwrap();
        }
        store.settle(&[prepaid(1, 0, 0), settlement(BOB, AccountKind::Prepaid, 6, 0, 0)], 10).unwrap();
        for (call, account) in [(1, Some(ADA)), (6, Some(BOB)), (7, None)] {
            let found = test.receipts().receipt(CallId::from_bits(call)).unwrap();
            assert_eq!(found.map(|stored| stored.receipt.account), account);
        }
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
            maker: None,
            terms: KeyTerms { name: "laptop".to_owned(), ..KeyTerms::default() },
            prefix: "tg-abcdefgh".to_owned(),
            digest: [9; 32],
            previous: None,
            created_at_ms: 5,
            rotated_at_ms: None,
            revoked_at_ms: None,
        };
        store.create_key(&row).unwrap();
        assert_eq!(store.keys().unwrap(), std::slice::from_ref(&row));
        let labels: BTreeMap<String, String> = [("team".to_owned(), "blue".to_owned())].into();
        let mut limits = Limits { requests: Some(Limit::new(60, 10).unwrap()), ..Limits::NONE };
        limits.quotas[Period::Day].spend = Some("0.000000001".parse().unwrap());
        let full = KeyRow {
            id: KeyId::from_bits(2),
            maker: Some(row.id),
            terms: KeyTerms {
                name: "server".to_owned(),
                rights: Rights {
                    role: KeyRole::Management,
                    models: Some(Models::new(["openai/*"]).unwrap()),
                    networks: Some(Networks::new(["10.0.0.0/8".parse().unwrap()]).unwrap()),
                    expires_at_ms: Some(9),
                },
                limits,
                labels: labels.try_into().unwrap(),
            },
            digest: [8; 32],
            previous: Some(PreviousSecret { digest: [7; 32], until_ms: 8 }),
            rotated_at_ms: Some(7),
            revoked_at_ms: Some(6),
            ..row.clone()
        };
        store.create_key(&full).unwrap();
        assert_eq!(store.keys().unwrap(), [row.clone(), full.clone()]);
        // Each value can be changed, and taken away again.
        let changed = KeyRow { id: row.id, maker: None, digest: [6; 32], ..full.clone() };
        store.save_key(&changed).unwrap();
        assert_eq!(store.keys().unwrap(), [changed, full.clone()]);
        store.save_key(&row).unwrap();
        assert_eq!(store.keys().unwrap(), [row.clone(), full]);
        let unknown = store.save_key(&KeyRow { id: KeyId::from_bits(3), ..row });
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
