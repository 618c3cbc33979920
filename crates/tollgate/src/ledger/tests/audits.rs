//! The audit finds every corruption that is planted, and nothing in a ledger at work.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{AccountKind, Money};
use rusqlite::Connection;

use super::{Books, account, money, receipt};
use crate::ledger::{Ledger, OpenError, audit};

/// A ledger with two accounts, two grants and four calls.
async fn history() -> Books {
    let books = Books::open();
    let ada = books.account(1_000).await;
    let meter = account(&books.ledger, AccountKind::Metered, 10).await;
    for (call, payer, cost) in [(1, &ada, 250), (2, &ada, 0), (3, &meter, 30), (4, &ada, 700)] {
        let mut admission = books.ledger.try_admit(payer).unwrap();
        admission.hold(money(500)).unwrap();
        admission.settle(receipt(payer.id, call, cost)).await.unwrap();
    }
    books
}

#[tokio::test]
async fn a_ledger_at_work_is_audited_as_it_is() {
    let books = history().await;
    let ada = books.ledger.accounts()[0].clone();
    let mut admission = books.ledger.try_admit(&ada).unwrap();
    admission.hold(money(5)).unwrap();
    let report = audit(&books.path()).unwrap();
    assert_eq!(report.violations, [""; 0]);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(
        json,
        r#"{"ok":true,"accounts":2,"calls":4,"granted":"0.00000103","available":"0.00000025","held":"0.00","spent":"0.00000078","violations":[]}"#
    );
    drop(admission);
    books.close().await;
}

/// Readers of the database never see money in between: every moment is sound.
#[tokio::test]
async fn a_ledger_under_load_is_sound_at_every_moment() {
    let books = Books::open();
    let path = books.path();
    let mut accounts = Vec::new();
    for _ in 0..10 {
        accounts.push(books.account(1_000).await);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let auditor = scope.spawn(|| {
            let mut reports = Vec::new();
            while !done.load(Ordering::Acquire) || reports.is_empty() {
                reports.push(audit(&path).unwrap());
            }
            reports
        });
        for call in 0..400 {
            let payer = &accounts[call % 10];
            let mut admission = books.ledger.try_admit(payer).unwrap();
            let cost = i64::try_from(call % 7).unwrap();
            admission.hold(money(5)).unwrap();
            drop(admission.settle(receipt(payer.id, u128::try_from(call).unwrap(), cost)));
            // Now and then the batch is over.
            while call % 20 == 0 && payer.balance().held != Money::ZERO {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
        for report in auditor.join().unwrap() {
            assert_eq!(report.violations, [""; 0]);
            assert_eq!(report.granted, money(10_000));
        }
    });
    books.close().await;
}

#[test]
fn what_is_no_ledger_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    assert!(matches!(audit(&path), Err(OpenError::Sqlite { .. })), "it does not exist");
    assert!(!path.exists(), "and is not created");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(audit(&path), Err(OpenError::Damaged { .. })));
    std::fs::write(&path, "not a database, but a text of some length".repeat(50)).unwrap();
    assert!(matches!(audit(&path), Err(OpenError::Damaged { .. })));
}

/// Each corruption, with a word of the violation that must name it.
const CORRUPTIONS: [(&str, &str); 32] = [
    (
        "UPDATE accounts SET spent_nanos = granted_nanos + 1 WHERE kind = 'prepaid'",
        "spent is more than granted",
    ),
    ("UPDATE accounts SET spent_nanos = -1", "spent is more than granted"),
    ("UPDATE accounts SET granted_nanos = 1.5", "spent is more than granted"),
    ("UPDATE accounts SET granted_nanos = granted_nanos + 1", "the journal's balance"),
    (
        "UPDATE accounts SET granted_nanos = granted_nanos + 1, spent_nanos = spent_nanos + 1",
        "what the journal issued",
    ),
    ("UPDATE accounts SET spent_nanos = spent_nanos - 1", "what the journal charged"),
    ("UPDATE accounts SET spent_nanos = spent_nanos - 1", "the receipts after them charge"),
    ("UPDATE receipts SET hold_nanos = charge_nanos - 1 WHERE charge_nanos > 0", "above its hold"),
    ("UPDATE receipts SET uncollected_nanos = uncollected_nanos + 1 WHERE seq = 4", "are not the cost"),
    ("UPDATE receipts SET charge_nanos = 7 WHERE seq = 2", "is not in the journal"),
    ("DELETE FROM journal WHERE reason = 'charge' AND amount_nanos = 250", "is not in the journal"),
    ("UPDATE journal SET amount_nanos = 251 WHERE amount_nanos = 250", "is not in the journal"),
    ("DELETE FROM receipts WHERE seq = 1", "has no receipt"),
    ("UPDATE journal SET ref = randomblob(16) WHERE amount_nanos = 250", "has no receipt"),
    ("DELETE FROM journal WHERE reason = 'grant'", "a grant is not in the journal"),
    ("DELETE FROM grants", "was never made"),
    ("UPDATE accounts SET kind = 'prepaid'", "no metered account"),
    (
        "UPDATE journal SET credit = debit, debit = credit WHERE reason = 'charge'",
        "between a customer and the operator",
    ),
    ("UPDATE receipts SET account = randomblob(16) WHERE seq = 2", "a receipt names an unknown account"),
    ("UPDATE grants SET account = randomblob(16)", "a grant or a key names an unknown account"),
    ("DELETE FROM accounts", "a journal row names an unknown account"),
    ("UPDATE receipts SET input_tokens = 1 WHERE seq = 2", "not the sum of its receipts"),
    ("UPDATE usage_hours SET bucket = bucket + 24", "not the sum of its hours"),
    ("UPDATE usage_months SET bucket = bucket + 1", "months of a key are not the sum of its days"),
    ("UPDATE usage_months SET output_tokens = output_tokens + 1", "the wide months are not the sum"),
    ("UPDATE usage_wide_hours SET requests = requests + 1", "the wide hours are not the sum"),
    ("DELETE FROM usage_wide_days WHERE account = zeroblob(16)", "the wide days are not the sum"),
    ("DELETE FROM usage_wide_days WHERE account <> zeroblob(16)", "the wide days are not the sum"),
    ("UPDATE usage_wide_months SET model = 'other'", "the wide months are not the sum"),
    (
        "UPDATE usage_wide_months SET uncollected_nanos = uncollected_nanos + 1",
        "the wide months are not the sum",
    ),
    ("UPDATE usage_totals SET tokens = 1", "not the sum of its days"),
    ("UPDATE usage_totals SET charge_nanos = 0", "the receipts after them charge"),
];

#[tokio::test]
async fn every_planted_corruption_is_found() {
    let books = history().await;
    books.ledger.roll_up().await.unwrap();
    let (path, Books { folder: _folder, ledger }) = (books.path(), books);
    Ledger::close(ledger).await;
    let whole = std::fs::read(&path).unwrap();
    for (corruption, violation) in CORRUPTIONS {
        std::fs::write(&path, &whole).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(UNGUARDED).unwrap();
        assert!(connection.execute(corruption, []).unwrap() > 0, "{corruption}");
        drop(connection);
        let report = audit(&path).unwrap();
        assert!(!report.ok, "{corruption}");
        let found = report.violations.iter().any(|found| found.contains(violation));
        assert!(found, "{corruption}: no {violation:?} in {:#?}", report.violations);
    }
}

/// Takes away what keeps a database whole, as somebody with a file and a grudge would.
const UNGUARDED: &str = "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
    DROP TRIGGER journal_keeps_rows; DROP TRIGGER journal_keeps_values;
    DROP TRIGGER receipts_keep_rows; DROP TRIGGER receipts_keep_values;
    DROP TRIGGER grants_keep_rows; DROP TRIGGER grants_keep_values;";

#[tokio::test]
async fn a_damaged_page_is_found() {
    let books = history().await;
    let (path, Books { folder: _folder, ledger }) = (books.path(), books);
    Ledger::close(ledger).await;
    let whole = std::fs::read(&path).unwrap();
    for page in 2..=whole.len() / 4_096 {
        let mut bytes = whole.clone();
        bytes[(page - 1) * 4_096..page * 4_096].fill(0x5A);
        std::fs::write(&path, bytes).unwrap();
        let sound = audit(&path).is_ok_and(|report| report.ok);
        assert!(!sound, "page {page}");
    }
}
