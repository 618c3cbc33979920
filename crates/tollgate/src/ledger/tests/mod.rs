//! Tests of the ledger, and what they share: a database in a folder of its own, receipts, and a store that can be
//! made to fail.

mod admissions;
mod answers;
mod audits;
mod faults;
mod files;
mod model;
mod questions;
mod registry;
mod restarts;
mod series;
mod sessions;
mod stored;
mod treasury;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use domain::{
    AccountId, AccountKind, BillingRule, CallId, KeyId, Money, Outcome, Price, Receipt, Usage, UsageSource,
};
use tempfile::TempDir;

use super::{Account, Ledger, NewAccount, StoreConfig, Terms, audit};
use crate::clock::Clock;

/// A ledger on SQLite in a folder of its own.
pub(crate) struct Books {
    pub(super) folder: TempDir,
    pub(crate) ledger: Ledger,
}

impl Books {
    pub(crate) fn open() -> Books {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = open(folder.path().join("ledger.db"));
        Books { folder, ledger }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// A prepaid account with this many nano-dollars.
    pub(crate) async fn account(&self, nanos: i64) -> Arc<Account> {
        account(&self.ledger, AccountKind::Prepaid, nanos).await
    }

    /// Closes the ledger and opens it again.
    pub(super) async fn reopen(self) -> Books {
        self.ledger.close().await;
        let ledger = open(self.folder.path().join("ledger.db"));
        Books { folder: self.folder, ledger }
    }

    /// Every test ends here: nothing is held, memory and database agree, and the history explains every balance.
    pub(crate) async fn close(self) {
        assert!(self.ledger.drain(PATIENCE).await, "a call is still in flight");
        let mut shown = [0; 2];
        for account in self.ledger.accounts() {
            let balance = account.balance();
            assert_eq!(balance.held, Money::ZERO, "{} still holds", account.name);
            shown[0] += balance.granted.nanos();
            shown[1] += balance.spent.nanos();
        }
        let path = self.path();
        self.ledger.close().await;
        let report = audit(&path).expect("a readable database");
        assert_eq!(report.violations, [""; 0]);
        assert_eq!([report.granted.nanos(), report.spent.nanos()], shown, "memory and database differ");
    }
}

/// Longer than anything takes here; only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// When the tests take place, in milliseconds since the Unix epoch.
pub(super) const NOW_MS: i64 = 1_795_000_000_000;

/// A clock that stands still.
pub(super) fn clock() -> Clock {
    Clock::Manual(Arc::new(AtomicI64::new(NOW_MS)))
}

pub(super) fn open(path: PathBuf) -> Ledger {
    Ledger::open(StoreConfig::Sqlite(path), clock()).expect("a ledger")
}

pub(super) async fn account(ledger: &Ledger, kind: AccountKind, nanos: i64) -> Arc<Account> {
    let new = NewAccount { name: "Ada".to_owned(), kind, terms: Terms::default() };
    let row = ledger.create_account(new).await.expect("an account");
    if nanos > 0 {
        ledger.grant(row.id, money(nanos), "first").await.expect("a grant");
    }
    ledger.account(row.id).expect("the account")
}

pub(crate) fn money(nanos: i64) -> Money {
    Money::from_nanos(nanos).expect("not negative")
}

/// A plain receipt. Give it a cost with `Receipt { cost: …, ..receipt(…) }`.
pub(crate) fn receipt(account: AccountId, call: u128, cost: i64) -> Receipt {
    Receipt {
        call: CallId::from_bits(call),
        account,
        key: KeyId::from_bits(7),
        started_at_ms: 1_795_000_000_000,
        dialect: "chat",
        stream: false,
        model_asked: "smart".to_owned(),
        model_served: None,
        provider: None,
        inference_provider: None,
        route_reason: "catalogue: exact id".to_owned(),
        usage: Usage::default(),
        usage_source: UsageSource::Reported,
        usage_suspect: false,
        price: Some(Price::FREE),
        cost: Some(money(cost)),
        outcome: Outcome::Complete,
        rule: BillingRule::Reported,
        status: 200,
        error_code: None,
        first_token_us: None,
        total_us: 1_000,
        attempts: 1,
        finish_reason: None,
        upstream_id: None,
        session: None,
        label: None,
    }
}
