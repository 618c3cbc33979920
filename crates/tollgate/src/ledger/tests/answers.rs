//! Kept answers: stored with the charge or not at all, found again after a restart, forgotten after a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, CallId, Outcome, Receipt};
use tempfile::TempDir;

use super::faults::{Rigged, until};
use super::treasury::{ADA, on_every_store, prepaid};
use super::{NOW_MS, PATIENCE, account, clock, money, receipt};
use crate::clock::Clock;
use crate::ledger::account::{AccountRow, Terms};
use crate::ledger::answers::{Claim, FORGOTTEN_AT_ONCE, KEPT_MS, Keep, Mark, NewAnswer, Place, Taken};
use crate::ledger::grant::NewGrant;
use crate::ledger::memory::MemoryStore;
use crate::ledger::store::{Settlement, Treasury};
use crate::ledger::{Account, Ledger, LedgerError, Scope, StoreConfig};

fn mark(account: AccountId, key: u8, request: u8) -> Mark {
    let place = Place { scope: Scope::of_account(account), name: [key; 32] };
    Mark { place, request: [request; 32] }
}

/// An answer of a claimed request.
fn keep(claim: Claim, call: u128, body: &'static [u8], complete: bool) -> Keep {
    assert!(claim.reserve(body.len()));
    let sealed = Some(Bytes::from_static(body));
    Keep::new(claim, Some(CallId::from_bits(call)), (200, "text/plain"), sealed, complete)
}

/// Makes a call of 60 nano-dollars under a claim, as the pipeline does.
fn settle(
    ledger: &Ledger,
    account: &Arc<Account>,
    claim: Claim,
    receipt: Receipt,
) -> crate::ledger::Settling {
    let mut admission = ledger.try_admit(account).expect("a place");
    admission.hold(money(100)).expect("credit");
    admission.keep(keep(claim, receipt.call.to_bits(), b"sealed", true));
    admission.settle(receipt)
}

/// An account with the credit of the tests, and a call of it that has an answer.
fn stock(store: &mut dyn Treasury) {
    let row = AccountRow {
        id: ADA,
        name: "Ada".to_owned(),
        kind: domain::AccountKind::Prepaid,
        terms: Terms::default(),
        identity: None,
        granted: money(0),
        spent: money(0),
        created_at_ms: 1,
    };
    store.create_account(&row).unwrap();
    let id = domain::GrantId::from_bits(1);
    store
        .grant(&NewGrant {
            id,
            account: ADA,
            amount: money(1_000),
            reference: "first",
            paid: true,
            terms: None,
            at_ms: 1,
        })
        .unwrap();
}

fn answered(call: u128, cost: i64, key: u8, complete: bool) -> Settlement {
    let answer = NewAnswer {
        mark: mark(ADA, key, 1),
        call: Some(CallId::from_bits(call)),
        status: 200,
        content_type: "text/plain".to_owned(),
        sealed: Some(Bytes::from_static(b"sealed")),
        complete,
    };
    let settlement = prepaid(call, 100, cost);
    let account = ADA;
    Settlement {
        answer: Some(Box::new(answer)),
        receipt: Receipt { account, ..settlement.receipt },
        ..settlement
    }
}

#[test]
fn an_answer_is_kept_if_it_was_charged_for_or_is_complete() {
    on_every_store(|test| {
        stock(test.store());
        let mut waived = answered(4, 0, 4, true);
        waived.receipt.rule = domain::BillingRule::Waived;
        let mut withheld = answered(5, 60, 5, true);
        withheld.receipt.withdraw();
        let mut withheld_stream = answered(6, 60, 6, true);
        withheld_stream.receipt.stream = true;
        withheld_stream.receipt.withdraw();
        let batch = [
            answered(1, 60, 1, true),
            answered(2, 60, 2, false),
            answered(3, 0, 3, true),
            waived,
            withheld,
            withheld_stream,
            answered(7, 0, 7, false),
        ];
        let booked = test.store().settle(&batch, 50).unwrap();
        let kept = [true, true, true, false, false, true, false];
        assert_eq!(booked.iter().map(|one| one.kept).collect::<Vec<_>>(), kept);
        for (settlement, kept) in batch.iter().zip(kept) {
            let place = settlement.answer.as_ref().unwrap().mark.place;
            let found = test.receipts().answer(&place).unwrap();
            assert_eq!(found.is_some(), kept);
            if let Some(found) = found {
                assert_eq!(
                    (found.call, &found.sealed.unwrap()[..]),
                    (Some(settlement.receipt.call), &b"sealed"[..])
                );
            }
        }
        // Repeated, as after a commit that seemed to fail, even if the answers were withdrawn meanwhile.
        let mut again = batch;
        again.iter_mut().for_each(|settlement| settlement.receipt.withdraw());
        let booked = test.store().settle(&again, 60).unwrap();
        assert_eq!(booked.iter().map(|one| one.kept).collect::<Vec<_>>(), kept);
        assert!(booked.iter().all(|one| one.repeated && one.at_ms == 50));
        let entries = test.store().answers().unwrap();
        assert_eq!(entries.len(), 4);
        assert!(entries.iter().all(|entry| entry.expires_at_ms == 50 + KEPT_MS && entry.bytes == Some(6)));
    });
}

#[test]
fn a_batch_that_fails_keeps_no_answer() {
    on_every_store(|test| {
        stock(test.store());
        let beyond = answered(2, 100, 2, true);
        let beyond = Settlement {
            hold: money(5_000),
            receipt: Receipt { cost: Some(money(5_000)), ..beyond.receipt },
            ..beyond
        };
        assert!(test.store().settle(&[answered(1, 60, 1, true), beyond], 50).is_err());
        assert!(test.store().answers().unwrap().is_empty());
    });
}

#[test]
fn expired_answers_are_forgotten_a_few_at_a_time() {
    on_every_store(|test| {
        stock(test.store());
        for key in 0..50u8 {
            let answer = answered(1, 0, key, true).answer.unwrap();
            test.store().keep_answer(&answer, if key < 40 { 10 } else { 20 }).unwrap();
        }
        let forget = |test: &mut dyn super::treasury::TestStore, now_ms| {
            test.store().forget_answers(now_ms, FORGOTTEN_AT_ONCE).unwrap()
        };
        assert_eq!(forget(test, 9 + KEPT_MS), 0);
        assert_eq!(forget(test, 10 + KEPT_MS), FORGOTTEN_AT_ONCE as usize);
        assert_eq!(forget(test, 10 + KEPT_MS), 40 - FORGOTTEN_AT_ONCE as usize);
        assert_eq!(forget(test, 10 + KEPT_MS), 0);
        assert_eq!(test.store().answers().unwrap().len(), 10);
        // A new answer takes the place of one that has expired and is still there.
        let mut newer = answered(9, 0, 45, true).answer.unwrap();
        newer.sealed = None;
        test.store().keep_answer(&newer, 30).unwrap();
        let found = test.receipts().answer(&newer.mark.place).unwrap().unwrap();
        assert_eq!((found.call, found.sealed), (newer.call, None));
        assert_eq!(test.store().answers().unwrap().len(), 10);
    });
}

/// A ledger on SQLite whose clock the test moves.
fn ledger_at(folder: &TempDir, now_ms: &Arc<AtomicI64>) -> Ledger {
    let clock = Clock::Manual(Arc::clone(now_ms));
    Ledger::open(StoreConfig::Sqlite(folder.path().join("ledger.db")), clock).expect("a ledger")
}

#[tokio::test]
async fn an_answer_is_found_after_a_restart_and_forgotten_after_a_day() {
    let (folder, now_ms) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(NOW_MS)));
    let ledger = ledger_at(&folder, &now_ms);
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let request = mark(ada.id, 1, 1);
    let claim = ledger.claim(request).unwrap();
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Running);
    assert_eq!(ledger.claim(mark(ada.id, 1, 2)).unwrap_err(), Taken::OtherRequest);
    settle(&ledger, &ada, claim, receipt(ada.id, 1, 60)).await.unwrap();
    // Known by the time that the call is answered.
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Kept);
    // This one has not ended when the ledger does.
    let running = ledger.claim(mark(ada.id, 2, 1)).unwrap();
    ledger.close().await;
    drop(running);

    let ledger = ledger_at(&folder, &now_ms);
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Kept);
    assert_eq!(ledger.claim(mark(ada.id, 1, 2)).unwrap_err(), Taken::OtherRequest);
    assert_eq!(&ledger.kept_answer(&request).await.unwrap().unwrap().sealed.unwrap()[..], b"sealed");
    drop(ledger.claim(mark(ada.id, 2, 1)).expect("what did not end may be tried again"));
    drop(ledger.claim(mark(AccountId::from_bits(5), 1, 2)).expect("the key of another account is another"));

    now_ms.fetch_add(KEPT_MS - 1, Ordering::Relaxed);
    ledger.forget_answers().await.unwrap();
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Kept);
    now_ms.fetch_add(1, Ordering::Relaxed);
    drop(ledger.claim(mark(ada.id, 1, 2)).expect("the key may be used for something else"));
    assert!(ledger.kept_answer(&request).await.unwrap().is_some(), "until it is deleted");
    ledger.forget_answers().await.unwrap();
    assert_eq!(ledger.kept_answer(&request).await.unwrap(), None);
    assert_eq!(ada.balance().spent, money(60));
    ledger.close().await;
}

/// A whole answer is withheld because its charge was not stored in time: it is free, and may be asked for again.
#[tokio::test]
async fn the_key_of_a_withheld_answer_is_free_again() {
    let store = MemoryStore::default();
    let tries = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&tries);
    let settle_late = move |store: &mut MemoryStore, batch: &[Settlement], at_ms| match counter
        .fetch_add(1, Ordering::AcqRel)
    {
        0 => Err(LedgerError::Damaged("not now".to_owned())),
        _ => store.settle(batch, at_ms),
    };
    let rigged = Rigged { store: store.clone(), settle: settle_late };
    let ledger = Ledger::start(Box::new(rigged), Box::new(store), None, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let request = mark(ada.id, 1, 1);
    let ending = settle(&ledger, &ada, ledger.claim(request).unwrap(), receipt(ada.id, 1, 60));
    assert_eq!(ending.within(Duration::ZERO).await, None);
    assert!(ledger.drain(PATIENCE).await);
    assert_eq!(ada.balance().spent, money(0));
    drop(ledger.claim(request).expect("free again"));
    assert_eq!(ledger.kept_answer(&request).await.unwrap(), None);
}

/// A commit comes through and seems to fail, and then nobody waits any more. The account has paid, so the answer stays.
#[tokio::test]
async fn the_answer_of_a_commit_that_seemed_to_fail_is_kept() {
    let store = MemoryStore::default();
    let tries = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&tries);
    let settle_twice = move |store: &mut MemoryStore, batch: &[Settlement], at_ms| {
        let booked = store.settle(batch, at_ms);
        match counter.fetch_add(1, Ordering::AcqRel) {
            0 => Err(LedgerError::Damaged("it says".to_owned())),
            _ => booked,
        }
    };
    let rigged = Rigged { store: store.clone(), settle: settle_twice };
    let ledger = Ledger::start(Box::new(rigged), Box::new(store.clone()), None, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let request = mark(ada.id, 1, 1);
    let ending = settle(&ledger, &ada, ledger.claim(request).unwrap(), receipt(ada.id, 1, 60));
    until(|| tries.load(Ordering::Acquire) > 0).await;
    let _ = ending.within(Duration::ZERO).await;
    assert!(ledger.drain(PATIENCE).await);
    assert_eq!(tries.load(Ordering::Acquire), 2);
    let stored = ledger.receipt(ada.id, CallId::from_bits(1)).await.unwrap().unwrap();
    assert_eq!((stored.receipt.outcome, stored.charge), (Outcome::Complete, money(60)));
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Kept);
    assert!(ledger.kept_answer(&request).await.unwrap().is_some());
}

#[tokio::test]
async fn a_claim_is_given_back_when_its_call_is_dropped() {
    let ledger = Ledger::open(StoreConfig::Memory, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let request = mark(ada.id, 1, 1);
    let mut admission = ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    admission.keep(keep(ledger.claim(request).unwrap(), 1, b"sealed", true));
    assert_eq!(ledger.claim(request).unwrap_err(), Taken::Running);
    drop(admission);
    drop(ledger.claim(request).expect("free again"));
    assert!(ledger.drain(PATIENCE).await);
}
