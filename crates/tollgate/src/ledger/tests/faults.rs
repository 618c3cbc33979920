//! A store that fails: nothing is lost, nothing is doubled, and nothing is sent for free meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use domain::{AccountId, Ask, InviteId, Money, Period, Receipt, Usage};
use rusqlite::Connection;

use super::{Books, PATIENCE, account, clock, money, receipt};
use crate::ledger::account::{AccountRow, Terms};
use crate::ledger::answers::{AnswerEntry, NewAnswer};
use crate::ledger::grant::{GrantRow, NewGrant};
use crate::ledger::key::KeyRow;
use crate::ledger::memory::MemoryStore;
use crate::ledger::registry::{InviteRow, Opening, Registry};
use crate::ledger::sqlite::{SqliteReceipts, SqliteStore};
use crate::ledger::store::{
    AnswerStore, Booked, CatalogueCopy, KeyStore, PlanRow, PlanStore, RollupStore, SettingsStore, Settlement,
    Transactions, Treasury,
};
use crate::ledger::{Ledger, LedgerError, Unavailable};
use crate::limits::{CallLimits, Reservation, SharedMeter};

/// A store with something around its settling. Everything else goes straight through.
pub(super) struct Rigged<S, F> {
    pub(super) store: S,
    pub(super) settle: F,
}

impl<S: Transactions, F> Transactions for Rigged<S, F> {
    fn begin(&mut self) -> Result<(), LedgerError> {
        self.store.begin()
    }
    fn commit(&mut self) -> Result<(), LedgerError> {
        self.store.commit()
    }
    fn roll_back(&mut self) {
        self.store.roll_back();
    }
}

impl<S, F> Treasury for Rigged<S, F>
where
    S: Treasury,
    F: FnMut(&mut S, &[Settlement], i64) -> Result<Vec<Booked>, LedgerError>,
{
    fn accounts(&mut self) -> Result<Vec<AccountRow>, LedgerError> {
        self.store.accounts()
    }
    fn create_account(&mut self, row: &AccountRow) -> Result<(), LedgerError> {
        self.store.create_account(row)
    }
    fn set_terms(&mut self, account: AccountId, terms: &Terms) -> Result<(), LedgerError> {
        self.store.set_terms(account, terms)
    }

    fn grant(&mut self, grant: &NewGrant<'_>) -> Result<GrantRow, LedgerError> {
        self.store.grant(grant)
    }
    fn settle(&mut self, batch: &[Settlement], at_ms: i64) -> Result<Vec<Booked>, LedgerError> {
        (self.settle)(&mut self.store, batch, at_ms)
    }
}

impl<S: Registry, F> Registry for Rigged<S, F> {
    fn open_account(&mut self, opening: &Opening<'_>) -> Result<(), LedgerError> {
        self.store.open_account(opening)
    }
    fn create_invite(&mut self, row: &InviteRow) -> Result<(), LedgerError> {
        self.store.create_invite(row)
    }
    fn invite(&mut self, digest: &[u8; 32]) -> Result<Option<InviteRow>, LedgerError> {
        self.store.invite(digest)
    }
    fn invites(&mut self, before: Option<InviteId>, limit: u32) -> Result<Vec<InviteRow>, LedgerError> {
        self.store.invites(before, limit)
    }
    fn revoke_invite(&mut self, id: InviteId, at_ms: i64) -> Result<InviteRow, LedgerError> {
        self.store.revoke_invite(id, at_ms)
    }
}

impl<S: KeyStore, F> KeyStore for Rigged<S, F> {
    fn keys(&mut self) -> Result<Vec<KeyRow>, LedgerError> {
        self.store.keys()
    }
    fn create_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        self.store.create_key(row)
    }
    fn save_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        self.store.save_key(row)
    }
}

impl<S: PlanStore, F> PlanStore for Rigged<S, F> {
    fn plans(&mut self) -> Result<Vec<PlanRow>, LedgerError> {
        self.store.plans()
    }
    fn save_plan(&mut self, row: &PlanRow) -> Result<(), LedgerError> {
        self.store.save_plan(row)
    }
    fn delete_plan(&mut self, name: &str) -> Result<(), LedgerError> {
        self.store.delete_plan(name)
    }
}

impl<S, F> RollupStore for Rigged<S, F> {}

impl<S: SettingsStore, F> SettingsStore for Rigged<S, F> {
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.store.setting(name)
    }
    fn save_setting(&mut self, name: &str, value: &[u8]) -> Result<(), LedgerError> {
        self.store.save_setting(name, value)
    }
    fn catalogue(&mut self, provider: &str) -> Result<Option<CatalogueCopy>, LedgerError> {
        self.store.catalogue(provider)
    }
    fn save_catalogue(&mut self, provider: &str, copy: &CatalogueCopy) -> Result<(), LedgerError> {
        self.store.save_catalogue(provider, copy)
    }
}

impl<S: AnswerStore, F> AnswerStore for Rigged<S, F> {
    fn answers(&mut self) -> Result<Vec<AnswerEntry>, LedgerError> {
        self.store.answers()
    }
    fn keep_answer(&mut self, answer: &NewAnswer, at_ms: i64) -> Result<(), LedgerError> {
        self.store.keep_answer(answer, at_ms)
    }
    fn forget_answers(&mut self, now_ms: i64, limit: u32) -> Result<usize, LedgerError> {
        self.store.forget_answers(now_ms, limit)
    }
}

/// Gives other threads their turn until `reached`.
pub(super) async fn until(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("reached in time");
}

/// The disk is full while a call ends, and has space again later.
#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open(&path).unwrap();
    let receipts = SqliteReceipts::open(&path).unwrap();
    // SQLite never takes more pages than this, and answers as on a full disk.
    let pages = Arc::new(AtomicU32::new(u32::MAX));
    let limit = Arc::clone(&pages);
    let settle = move |store: &mut SqliteStore, batch: &[Settlement], at_ms| {
        store.limit_pages(limit.load(Ordering::Acquire))?;
        store.settle(batch, at_ms)
    };
    let ledger =
        Ledger::start(Box::new(Rigged { store, settle }), Box::new(receipts), None, clock()).unwrap();
    let books = Books { folder, ledger };
    let ada = books.account(1_000_000).await;
    let mut admissions: Vec<_> = (0..300).map(|_| books.ledger.try_admit(&ada).unwrap()).collect();
    for admission in &mut admissions {
        admission.hold(money(1_000)).unwrap();
    }
    pages.store(1, Ordering::Release);
    let endings: Vec<_> =
        (1..).zip(admissions).map(|(call, admission)| admission.settle(receipt(ada.id, call, 600))).collect();
    // The pages that the database has are filled up first; then it fails.
    until(|| books.ledger.try_admit(&ada).is_err()).await;
    assert_eq!(books.ledger.try_admit(&ada).unwrap_err(), Unavailable::Failing);
    let balance = ada.balance();
    assert_eq!(
        balance.held.nanos() + balance.spent.nanos() / 6 * 10,
        300_000,
        "what is not stored is still held"
    );

    pages.store(u32::MAX, Ordering::Release);
    for ending in endings {
        assert_eq!(ending.await.unwrap().charge, money(600));
    }
    assert_eq!(ada.balance().spent, money(180_000));
    until(|| books.ledger.try_admit(&ada).is_ok()).await;
    books.close().await;
}

/// Another process, say a backup tool, keeps the database locked.
#[tokio::test]
async fn a_locked_database_is_waited_for() {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    let stranger = Connection::open(books.path()).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ending = admission.settle(receipt(ada.id, 1, 60));
    until(|| books.ledger.try_admit(&ada).is_err()).await;
    stranger.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ending.await.unwrap().charge, money(60));
    until(|| books.ledger.try_admit(&ada).is_ok()).await;
    drop(stranger);
    books.close().await;
}

/// A commit comes through although it seemed to fail: its second try finds everything there.
#[tokio::test]
async fn a_commit_that_seemed_to_fail_is_charged_once() {
    let store = MemoryStore::default();
    let mut lost_answers = 1;
    let settle = move |store: &mut MemoryStore, batch: &[Settlement], at_ms| {
        let booked = store.settle(batch, at_ms)?;
        if lost_answers > 0 {
            lost_answers -= 1;
            return Err(LedgerError::Damaged("the answer was lost".to_owned()));
        }
        Ok(booked)
    };
    let rigged = Rigged { store: store.clone(), settle };
    let ledger = Ledger::start(Box::new(rigged), Box::new(store.clone()), None, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let mut admission = ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    assert_eq!(admission.settle(receipt(ada.id, 1, 60)).await.unwrap().charge, money(60));
    let balance = ada.balance();
    assert_eq!((balance.spent, balance.held), (money(60), Money::ZERO));
    let stored = store.clone().accounts().unwrap();
    assert_eq!((stored[0].granted, stored[0].spent), (balance.granted, balance.spent));
}

/// The caller's patience ends while the store is being tried. That try decides: what it charges is answered, and what
/// it does not is free.
#[tokio::test]
async fn a_try_that_is_under_way_decides_whether_a_late_answer_is_charged() {
    for (works, charged) in [(true, 60), (false, 0)] {
        let store = MemoryStore::default();
        let (tries, tried) = mpsc::sync_channel(2);
        let (results, result) = mpsc::sync_channel(2);
        let settle = move |store: &mut MemoryStore, batch: &[Settlement], at_ms| {
            tries.send(()).unwrap();
            match result.recv().unwrap() {
                true => store.settle(batch, at_ms),
                false => Err(LedgerError::Damaged("switched off".to_owned())),
            }
        };
        let rigged = Rigged { store: store.clone(), settle };
        let ledger = Ledger::start(Box::new(rigged), Box::new(store), None, clock()).unwrap();
        let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
        let mut admission = ledger.try_admit(&ada).unwrap();
        admission.hold(money(100)).unwrap();
        let ending = admission.settle(receipt(ada.id, 1, 60));
        tried.recv().unwrap();
        let (answer, ()) = tokio::join!(ending.within(Duration::ZERO), async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            results.send(works).unwrap();
        });
        assert_eq!(answer.map(|answer| answer.charge), works.then_some(money(charged)));
        // For the second try.
        results.send(true).unwrap();
        assert!(ledger.drain(PATIENCE).await);
        assert_eq!(ada.balance().spent, money(charged));
    }
}

/// A commit comes through although it seemed to fail, and the caller has left before the second try: the meters count what
/// is stored, not what the withdrawn receipt says.
#[tokio::test]
async fn meters_count_what_is_stored() {
    let store = MemoryStore::default();
    let (tries, tried) = mpsc::sync_channel(2);
    let (gone, leaves) = mpsc::sync_channel(1);
    let mut lost_answers = 1;
    let settle = move |store: &mut MemoryStore, batch: &[Settlement], at_ms| {
        let booked = store.settle(batch, at_ms)?;
        tries.send(()).unwrap();
        if lost_answers > 0 {
            lost_answers -= 1;
            leaves.recv().unwrap();
            return Err(LedgerError::Damaged("the answer was lost".to_owned()));
        }
        Ok(booked)
    };
    let rigged = Rigged { store: store.clone(), settle };
    let ledger = Ledger::start(Box::new(rigged), Box::new(store), None, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let (key, limits) = (SharedMeter::default(), CallLimits::default());
    let ask = Ask { tokens: 500, rate_tokens: 500, spend: money(100) };
    let mut admission = ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    admission.reserve(Reservation::take(&ada.meter, &key, &limits, ask, clock().now(), &clock()).unwrap());
    let usage = Usage { input: 10, output: 50, ..Usage::default() };
    let ending = admission.settle(Receipt { usage, ..receipt(ada.id, 1, 60) });
    tried.recv().unwrap();
    let (answer, ()) = tokio::join!(ending.within(Duration::ZERO), async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        gone.send(()).unwrap();
    });
    assert!(answer.is_none(), "nobody waits any more");
    assert!(ledger.drain(PATIENCE).await);
    for meter in [&ada.meter, &key] {
        let total = meter.counts(clock().now_ms())[Period::Total];
        assert_eq!((total.requests, total.tokens, total.spend), (1, 60, money(60)));
        assert_eq!(meter.open_calls(), 0);
    }
}

/// While settlements fail, administration goes on: credit arrives, keys are revoked.
#[tokio::test]
async fn commands_run_while_the_store_fails() {
    let store = MemoryStore::default();
    let broken = Arc::new(AtomicU32::new(1));
    let switch = Arc::clone(&broken);
    let settle =
        move |store: &mut MemoryStore, batch: &[Settlement], at_ms| match switch.load(Ordering::Acquire) {
            0 => store.settle(batch, at_ms),
            _ => Err(LedgerError::Damaged("switched off".to_owned())),
        };
    let rigged = Rigged { store: store.clone(), settle };
    let ledger = Ledger::start(Box::new(rigged), Box::new(store), None, clock()).unwrap();
    let ada = account(&ledger, domain::AccountKind::Prepaid, 1_000).await;
    let mut admission = ledger.try_admit(&ada).unwrap();
    admission.hold(money(100)).unwrap();
    let ending = admission.settle(receipt(ada.id, 1, 60));
    until(|| ledger.try_admit(&ada).is_err()).await;
    ledger.grant(ada.id, money(500), "meanwhile").await.unwrap();
    broken.store(0, Ordering::Release);
    ending.await.unwrap();
    assert_eq!(ada.balance().available, money(1_440));
}
