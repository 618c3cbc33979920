//! Admission, hold and ending, over a real database.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{AccountId, AccountKind, Money, Receipt};

use super::{Books, PATIENCE, account, clock, money, receipt};
use crate::ledger::usage::Calls;
use crate::ledger::{
    Admission, CALLS_IN_FLIGHT_MAX, Ledger, LedgerError, NewAccount, StoreConfig, Terms, Unavailable,
};

#[tokio::test]
async fn a_call_pays_its_cost_and_gets_the_rest_of_its_hold_back() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(600)).unwrap();
    assert_eq!(admission.held(), money(600));
    assert_eq!(ada.budget(), Some(money(400)));
    let charged = admission.settle(receipt(ada.id, 1, 250)).await.unwrap();
    assert_eq!((charged.charge, charged.uncollected), (money(250), Money::ZERO));
    assert_eq!(ada.budget(), Some(money(750)));
    books.close().await;
}

#[tokio::test]
async fn a_cost_above_the_hold_is_not_collected() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    let charged = admission.settle(receipt(ada.id, 1, 250)).await.unwrap();
    assert_eq!((charged.charge, charged.uncollected), (money(100), money(150)));
    assert_eq!(ada.budget(), Some(money(900)));
    books.close().await;
}

#[tokio::test]
async fn a_call_without_a_hold_or_a_price_is_recorded_and_free() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let unpriced = Receipt { cost: None, price: None, ..receipt(ada.id, 1, 0) };
    books.ledger.try_admit(&ada).unwrap().settle(unpriced.clone()).await.unwrap();
    let stored = books.ledger.receipt(ada.id, unpriced.call).await.unwrap().unwrap();
    assert_eq!((stored.receipt, stored.charge), (unpriced, Money::ZERO));
    books.close().await;
}

#[tokio::test]
async fn a_dropped_admission_gives_its_hold_back_and_leaves_no_receipt() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(1_000)).unwrap();
    drop(admission);
    assert!(books.ledger.drain(PATIENCE).await);
    assert_eq!(ada.budget(), Some(money(1_000)));
    let all = Calls { account: Some(ada.id), ..Calls::default() };
    assert_eq!(books.ledger.activity(all, None, 10).await.unwrap().receipts, []);
    books.close().await;
}

#[tokio::test]
async fn a_second_hold_takes_the_place_of_the_first() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(900)).unwrap();
    admission.hold(money(950)).unwrap();
    assert_eq!((admission.held(), ada.balance().held), (money(950), money(950)));
    admission.hold(money(1_001)).unwrap_err();
    assert_eq!((admission.held(), ada.balance().held), (Money::ZERO, Money::ZERO));
    drop(admission);
    books.close().await;
}

#[tokio::test]
async fn nobody_needs_to_wait_for_a_settlement() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    drop(admission.settle(receipt(ada.id, 1, 60)));
    assert!(books.ledger.drain(PATIENCE).await);
    assert_eq!(ada.balance().spent, money(60));
    books.close().await;
}

#[tokio::test]
async fn a_call_settled_twice_is_charged_once_and_answered_alike() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let settle = |cost| {
        let mut admission = books.ledger.try_admit(&ada).unwrap();
        admission.hold(money(500)).unwrap();
        admission.settle(receipt(ada.id, 1, cost))
    };
    // Both in one batch, and again in a later one.
    let (first, second) = (settle(300), settle(200));
    let first = first.await.unwrap();
    assert_eq!(first.charge, money(300));
    assert_eq!(second.await.unwrap(), first);
    assert_eq!(settle(100).await.unwrap(), first);
    assert_eq!(ada.balance().spent, money(300));
    books.close().await;
}

#[tokio::test]
async fn a_thousand_threads_for_the_money_of_one() {
    let books = Books::open();
    let ada = books.account(100).await;
    let (winners, ready) = (AtomicUsize::new(0), std::sync::Barrier::new(50));
    let won: Vec<Admission> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    ready.wait();
                    let tries = (0..20).filter_map(|_| {
                        let mut admission = books.ledger.try_admit(&ada).unwrap();
                        admission.hold(money(100)).ok()?;
                        winners.fetch_add(1, Ordering::Relaxed);
                        Some(admission)
                    });
                    tries.collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(winners.load(Ordering::Relaxed), 1);
    for admission in won {
        admission.settle(receipt(ada.id, 1, 100)).await.unwrap();
    }
    assert_eq!(ada.balance().spent, money(100));
    books.close().await;
}

#[tokio::test]
async fn a_thousand_tasks_for_the_money_of_ten() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let tasks: Vec<_> = (0..1_000)
        .map(|call| {
            let (ledger, ada) = (books.ledger.clone(), ada.clone());
            tokio::spawn(async move {
                let mut admission = ledger.try_admit(&ada).unwrap();
                if admission.hold(money(100)).is_err() {
                    return None;
                }
                // The others get their turn while this hold is open.
                tokio::task::yield_now().await;
                admission.settle(receipt(ada.id, call, 100)).await.ok()
            })
        })
        .collect();
    let mut charged = 0;
    for task in tasks {
        charged += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(charged, 10);
    assert_eq!(ada.budget(), Some(Money::ZERO));
    books.close().await;
}

#[tokio::test]
async fn there_are_as_many_places_as_calls_in_flight() {
    let ledger = Ledger::open(StoreConfig::Memory, clock()).unwrap();
    let ada = account(&ledger, AccountKind::Metered, 0).await;
    let mut admissions: Vec<_> = (0..CALLS_IN_FLIGHT_MAX).map(|_| ledger.try_admit(&ada).unwrap()).collect();
    assert_eq!(ledger.try_admit(&ada).unwrap_err(), Unavailable::Busy);
    // Administration does not wait for calls.
    ledger.grant(ada.id, money(5), "while busy").await.unwrap();
    admissions.pop();
    let place = ledger.try_admit(&ada).unwrap();
    admissions.push(place);
    // All of them end at once, and not one is lost.
    for (call, mut admission) in (0..).zip(admissions) {
        admission.hold(money(1)).unwrap();
        drop(admission.settle(receipt(ada.id, call, 1)));
    }
    assert!(ledger.drain(PATIENCE).await);
    assert_eq!(ada.balance().spent.nanos(), i64::try_from(CALLS_IN_FLIGHT_MAX).unwrap());
}

#[tokio::test]
async fn draining_waits_for_every_call_and_admits_none() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    assert!(!books.ledger.drain(Duration::from_millis(1)).await, "a call is in flight");
    // The places that a drain gave up on are free again.
    let draining = tokio::spawn({
        let ledger = books.ledger.clone();
        async move { ledger.drain(PATIENCE).await }
    });
    while books.ledger.try_admit(&ada).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(books.ledger.try_admit(&ada).unwrap_err(), Unavailable::Busy);
    drop(admission.settle(receipt(ada.id, 1, 40)));
    assert!(draining.await.unwrap());
    assert_eq!(ada.balance().spent, money(40));
    books.close().await;
}

#[tokio::test]
async fn closing_lets_calls_in_flight_end() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    let ledger = books.ledger.clone();
    let closing = tokio::spawn(ledger.close());
    while books.ledger.try_admit(&ada).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(books.ledger.try_admit(&ada).unwrap_err(), Unavailable::Closed);
    assert_eq!(admission.settle(receipt(ada.id, 1, 40)).await.unwrap().charge, money(40));
    closing.await.unwrap();
    let late = books.ledger.grant(ada.id, money(1), "late").await;
    assert!(matches!(late, Err(LedgerError::Closed)), "{late:?}");
    let books = Books { ledger: super::open(books.path()), folder: books.folder };
    assert_eq!(books.ledger.balance(ada.id).unwrap().spent, money(40));
    books.close().await;
}

#[tokio::test]
async fn a_grant_sent_a_hundred_times_is_credited_once() {
    let books = Books::open();
    let ada = books.account(0).await;
    let grants: Vec<_> = (0..100)
        .map(|_| {
            let (ledger, id) = (books.ledger.clone(), ada.id);
            tokio::spawn(async move { ledger.grant(id, money(500), "invoice 1").await.unwrap() })
        })
        .collect();
    let mut made = Vec::new();
    for grant in grants {
        made.push(grant.await.unwrap());
    }
    assert_eq!(made.iter().filter(|grant| !grant.repeated).count(), 1);
    assert!(made.iter().all(|grant| (grant.id, grant.balance) == (made[0].id, money(500))));
    let conflict = books.ledger.grant(ada.id, money(501), "invoice 1").await;
    assert!(matches!(conflict, Err(LedgerError::Conflict)), "{conflict:?}");
    let nobody = books.ledger.grant(AccountId::from_bits(1), money(1), "nobody").await;
    assert!(matches!(nobody, Err(LedgerError::UnknownAccount)), "{nobody:?}");
    assert_eq!(ada.budget(), Some(money(500)));
    books.close().await;
}

#[tokio::test]
async fn names_and_references_have_bounds() {
    let books = Books::open();
    let long = "x".repeat(300);
    for name in ["", "  ", "a\nb", &long] {
        let new = NewAccount { name: name.to_owned(), kind: AccountKind::Prepaid, terms: Terms::default() };
        let refused = books.ledger.create_account(new).await;
        assert!(matches!(refused, Err(LedgerError::Invalid(_))), "{name:?}: {refused:?}");
    }
    let ada = books.account(0).await;
    for (nanos, reference) in [(0, "zero"), (1, ""), (1, &long)] {
        let refused = books.ledger.grant(ada.id, money(nanos), reference).await;
        assert!(matches!(refused, Err(LedgerError::Invalid(_))), "{reference:?}: {refused:?}");
    }
    books.close().await;
}
