//! Usage over the life of a ledger: what rollups, receipts and journal say is the same, whatever happens in between.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::calendar::DAY_MS;
use domain::{CallId, KeyId, Outcome, Period, Receipt, Usage};
use rusqlite::Connection;

use super::{Books, PATIENCE, money, receipt};
use crate::clock::Clock;
use crate::config::UsagePolicy;
use crate::ledger::usage::{Calls, GroupBy, Interval, SeriesQuery, Sums};
use crate::ledger::{Account, Ledger, StoreConfig, audit};

/// 2026-11-18, a Wednesday, 03:06:40 UTC.
const NOW_MS: i64 = 1_794_971_200_000;

/// Settles calls of `account`, the `n`-th of them so many hours before now.
async fn settle_calls(ledger: &Ledger, account: &Arc<Account>, first: u128, hours_ago: &[i64]) {
    for (call, hours) in (first..).zip(hours_ago) {
        let mut admission = ledger.try_admit(account).unwrap();
        admission.hold(money(100)).unwrap();
        let refused = call % 5 == 0;
        let made = Receipt {
            key: KeyId::from_bits(call % 3),
            started_at_ms: NOW_MS - hours * 3_600_000,
            model_served: (!refused).then(|| format!("model-{}", call % 2)),
            provider: (!refused).then(|| "huggingface".into()),
            usage: Usage { input: 10, cached_input: 4, output: 5, reasoning: 1 },
            outcome: if refused { Outcome::Refused } else { Outcome::Complete },
            status: if refused { 404 } else { 200 },
            first_token_us: Some(1_000),
            ..receipt(account.id, call, 7)
        };
        admission.settle(made).await.unwrap();
    }
}

async fn sums(ledger: &Ledger, account: &Account, interval: Interval) -> Sums {
    let of_keys = sums_by(ledger, Some(account), interval, GroupBy::Key).await;
    let wide = sums_by(ledger, Some(account), interval, GroupBy::None).await;
    assert_eq!(of_keys, wide, "{interval:?}");
    wide
}

/// What the points of a series come to; of all accounts where none is named.
async fn sums_by(ledger: &Ledger, account: Option<&Account>, interval: Interval, group_by: GroupBy) -> Sums {
    let account = account.map(|account| account.id);
    let calls = Calls { account, from_ms: Some(0), to_ms: Some(i64::MAX), ..Calls::default() };
    let points = ledger.series(SeriesQuery { calls, interval, group_by }).await.unwrap();
    points.iter().fold(Sums::default(), |mut sums, point| {
        sums.add(&point.sums);
        sums
    })
}

/// What every interval and the journal say of an account.
async fn assert_all_agree(ledger: &Ledger, account: &Account, requests: u64) {
    let totals = ledger.counts(NOW_MS).await.unwrap();
    let of_account = totals.iter().filter(|counts| counts.account == account.id);
    let spend: i64 = of_account.map(|counts| counts.counts[Period::Total].spend.nanos()).sum();
    assert_eq!(spend, account.balance().spent.nanos());
    for interval in [Interval::Hour, Interval::Day, Interval::Month] {
        let sums = sums(ledger, account, interval).await;
        assert_eq!(sums.requests, requests, "{interval:?}");
        assert_eq!(sums.charge, account.balance().spent, "{interval:?}");
        assert_eq!((sums.usage.input, sums.usage.output), (10 * requests, 5 * requests));
        assert_eq!(sums.first_token.count(), requests);
        let everyones = sums_by(ledger, None, interval, GroupBy::None).await;
        assert_eq!(everyones, sums_by(ledger, None, interval, GroupBy::Key).await, "{interval:?}");
        assert!(everyones.requests >= requests && everyones.charge >= sums.charge, "{interval:?}");
    }
}

#[tokio::test]
async fn rollups_are_the_receipts_before_and_after_folding_and_over_restarts() {
    let books = Books::open();
    let ada = books.account(100_000).await;
    let bob = books.account(100_000).await;
    settle_calls(&books.ledger, &ada, 1, &[0, 1, 1, 2, 30, 800, 9_000]).await;
    settle_calls(&books.ledger, &bob, 100, &[0, 5]).await;
    assert_eq!(sums(&books.ledger, &ada, Interval::Hour).await.requests, 7, "not rolled up yet");
    books.ledger.roll_up().await.unwrap();
    settle_calls(&books.ledger, &ada, 20, &[0, 1, 30, 9_000]).await;
    assert_eq!(sums(&books.ledger, &ada, Interval::Day).await.requests, 11, "partly rolled up");
    assert_all_agree(&books.ledger, &ada, 11).await;
    assert_all_agree(&books.ledger, &bob, 2).await;
    let books = books.reopen().await;
    let ada = books.ledger.account(ada.id).unwrap();
    assert_all_agree(&books.ledger, &ada, 11).await;
    let rebuilt = books.ledger.rebuild_usage().await.unwrap();
    assert_eq!((rebuilt.receipts, rebuilt.mended), (13, 0), "there was nothing to mend");
    books.close().await;
}

/// Every way to spoil the rollups, each mended by a rebuild.
#[tokio::test]
async fn a_rebuild_mends_whatever_was_spoiled() {
    for spoil in [
        "DELETE FROM usage_hours",
        "DELETE FROM usage_days; DELETE FROM usage_totals",
        "UPDATE usage_days SET requests = requests + 1",
        "UPDATE usage_totals SET charge_nanos = 0",
        "UPDATE usage_hours SET key = x'00000000000000000000000000000009' WHERE bucket < 490000",
        "UPDATE usage_hours SET account = x'00000000000000000000000000000009'",
        "UPDATE usage_hours SET bucket = bucket + 24",
        "UPDATE usage_days SET speed = x'FF', model = model || '2'",
        "DELETE FROM usage_months; DELETE FROM usage_wide_hours",
        "UPDATE usage_months SET bucket = bucket + 1",
        "UPDATE usage_wide_hours SET requests = requests + 1",
        "UPDATE usage_wide_days SET account = x'00000000000000000000000000000009' WHERE account <> zeroblob(16)",
        "DELETE FROM usage_wide_days WHERE account = zeroblob(16)",
        "UPDATE usage_wide_months SET speed = x'FF', charge_nanos = charge_nanos + 1",
    ] {
        let books = Books::open();
        let ada = books.account(100_000).await;
        settle_calls(&books.ledger, &ada, 1, &[0, 1, 1, 2, 30, 800, 9_000]).await;
        books.ledger.roll_up().await.unwrap();
        let before = tables(&books);
        Connection::open(books.path()).unwrap().execute_batch(spoil).unwrap();
        assert!(!audit(&books.path()).unwrap().ok || spoil.contains("speed"), "{spoil}");
        assert!(books.ledger.rebuild_usage().await.unwrap().mended > 0, "{spoil}");
        assert_eq!(tables(&books), before, "{spoil}");
        assert_all_agree(&books.ledger, &ada, 7).await;
        books.close().await;
    }
}

/// Every row of the rollups, as text.
fn tables(books: &Books) -> Vec<String> {
    let connection = Connection::open(books.path()).unwrap();
    let mut found = Vec::new();
    let levels = ["usage_hours", "usage_days", "usage_months"];
    let wide = ["usage_wide_hours", "usage_wide_days", "usage_wide_months"];
    for table in levels.into_iter().chain(wide).chain(["usage_totals", "usage_state"]) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|column| Ok(format!("{:?}", row.get_ref(column)?))).collect()
        });
        found.extend(
            rows.unwrap()
                .map(|row: rusqlite::Result<Vec<String>>| format!("{table} {}", row.unwrap().join(" "))),
        );
    }
    found
}

#[tokio::test]
async fn a_stream_that_came_in_one_piece_has_no_speed() {
    let books = Books::open();
    let ada = books.account(100_000).await;
    // Output over so many microseconds after the first token.
    for (call, generating_us) in [(1, 50), (2, 4_999), (3, 5_000), (4, 2_000_000)] {
        let mut admission = books.ledger.try_admit(&ada).unwrap();
        admission.hold(money(100)).unwrap();
        let made = Receipt {
            usage: Usage { output: 100, ..Usage::default() },
            first_token_us: Some(300),
            total_us: 300 + generating_us,
            ..receipt(ada.id, call, 7)
        };
        admission.settle(made).await.unwrap();
    }
    for roll_up in [false, true] {
        if roll_up {
            books.ledger.roll_up().await.unwrap();
        }
        let sums = sums(&books.ledger, &ada, Interval::Day).await;
        assert_eq!((sums.first_token.count(), sums.speed.count()), (4, 2));
    }
    books.close().await;
}

#[tokio::test]
async fn counts_are_those_of_the_current_periods_and_leave_out_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let clock = Clock::Manual(Arc::new(AtomicI64::new(NOW_MS)));
    let ledger = Ledger::open(StoreConfig::Sqlite(path.clone()), clock).unwrap();
    let books = Books { folder, ledger };
    let ada = books.account(100_000).await;
    // Of key 1: now, on Monday, on the Sunday before, in October, a year ago. The tenth is refused.
    for (call, hours_ago) in [(1, 0), (4, 2 * 24), (7, 3 * 24), (13, 20 * 24), (16, 365 * 24), (10, 0)] {
        settle_calls(&books.ledger, &ada, call, &[hours_ago]).await;
    }
    let counts = books.ledger.counts(NOW_MS).await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].account, counts[0].key), (ada.id, KeyId::from_bits(1)));
    let requests: Vec<_> = counts[0].counts.iter().map(|(_, count)| count.requests).collect();
    assert_eq!(requests, [1, 2, 3, 5]);
    let week = counts[0].counts[Period::Week];
    assert_eq!((week.tokens, week.spend), (30, money(14)));
    books.close().await;
}

/// Those of the calls 1 to 6 whose receipts are stored, shown or not, newest first.
async fn kept(ledger: &Ledger, account: &Account) -> Vec<u128> {
    let mut kept = Vec::new();
    for call in (1..=6).rev() {
        if ledger.receipt(account.id, CallId::from_bits(call)).await.unwrap().is_some() {
            kept.push(call);
        }
    }
    kept
}

#[tokio::test]
async fn retention_deletes_old_receipts_and_nothing_else() {
    let now_ms = Arc::new(AtomicI64::new(NOW_MS));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let clock = Clock::Manual(Arc::clone(&now_ms));
    let ledger = Ledger::open(StoreConfig::Sqlite(path.clone()), clock).unwrap();
    let books = Books { folder, ledger };
    let ada = books.account(100_000).await;
    settle_calls(&books.ledger, &ada, 1, &[72, 71, 1, 0]).await;
    let policy = UsagePolicy { retention_days: Some(2), ..UsagePolicy::default() };
    books.ledger.keep_usage(policy).await.unwrap();
    let calls = || kept(&books.ledger, &ada);
    // All of them were settled just now.
    books.ledger.roll_up().await.unwrap();
    assert_eq!(calls().await, [4, 3, 2, 1]);
    // Three days on, they are older than two days. The newest receipt stays.
    now_ms.fetch_add(3 * DAY_MS, Ordering::Relaxed);
    books.ledger.roll_up().await.unwrap();
    assert_eq!(calls().await, [4, 3, 2, 1], "the clock may be wrong");
    hours_pass(&books.ledger, &now_ms, 6).await;
    assert_eq!(calls().await, [4]);
    assert_all_agree(&books.ledger, &ada, 4).await;
    settle_calls(&books.ledger, &ada, 5, &[0, 0]).await;
    books.ledger.roll_up().await.unwrap();
    assert_eq!(calls().await, [6, 5], "a number is given once");
    books.ledger.rebuild_usage().await.unwrap();
    assert_all_agree(&books.ledger, &ada, 6).await;
    // What is not shown any more is not counted either.
    let all = Calls { account: Some(ada.id), ..Calls::default() };
    let shown = books.ledger.activity(all.clone(), None, 10).await.unwrap().receipts.len() as u64;
    assert_eq!(books.ledger.activity_total(all).await.unwrap(), shown);
    books.close().await;
}

/// Where receipts are gone, the rows of keys are what the others are made of; also in a database of a release that had
/// no others.
#[tokio::test]
async fn months_and_wide_rows_are_made_of_what_outlives_the_receipts() {
    let books = Books::open();
    let (ada, bob) = (books.account(100_000).await, books.account(100_000).await);
    settle_calls(&books.ledger, &ada, 1, &[0, 1, 1, 2, 30, 800, 9_000, 9_001]).await;
    settle_calls(&books.ledger, &bob, 100, &[0, 5, 30, 9_000]).await;
    books.ledger.roll_up().await.unwrap();
    let before = tables(&books);
    let stranger = Connection::open(books.path()).unwrap();
    // Only the receipts of today and yesterday are kept.
    let horizon_ms = (NOW_MS / DAY_MS - 1) * DAY_MS;
    stranger
        .execute_batch(&format!(
            "DROP TRIGGER receipts_keep_rows; DELETE FROM receipts WHERE started_at_ms < {horizon_ms};
             UPDATE usage_state SET keep_from_ms = {horizon_ms}"
        ))
        .unwrap();
    let sums = |tables: Vec<String>| {
        tables.into_iter().filter(|row| !row.starts_with("usage_state")).collect::<Vec<_>>()
    };
    let before = sums(before);
    for spoil in [
        "DELETE FROM usage_months; DELETE FROM usage_wide_hours; DELETE FROM usage_wide_days;
         DELETE FROM usage_wide_months",
        "UPDATE usage_wide_hours SET requests = 9, first_token = x'FF'; UPDATE usage_months SET charge_nanos = 1",
        "UPDATE usage_wide_days SET model = model || '2'",
    ] {
        stranger.execute_batch(spoil).unwrap();
        assert!(books.ledger.rebuild_usage().await.unwrap().mended > 0, "{spoil}");
        assert_eq!(sums(tables(&books)), before, "{spoil}");
    }
    let older = tempfile::tempdir().unwrap();
    let path = older.path().join("ledger.db");
    of_an_older_release(&path, &books.path());
    let older = Books { folder: older, ledger: super::open(path) };
    assert_eq!(sums(tables(&older)), before);
    assert_eq!(older.ledger.rebuild_usage().await.unwrap().mended, 0);
    drop(stranger);
    for books in [books, older] {
        assert!(books.ledger.drain(PATIENCE).await);
        books.ledger.close().await;
    }
}

/// A database of a release that kept hours and days of keys alone, with those of another database and no receipts.
fn of_an_older_release(path: &Path, of: &Path) {
    let older = Connection::open(path).unwrap();
    for step in [
        include_str!("../../migrations/sqlite/0001_ledger.sql"),
        include_str!("../../migrations/sqlite/0002_usage.sql"),
    ] {
        older.execute_batch(step).unwrap();
    }
    older.pragma_update(None, "application_id", 0x544F_4C4C).unwrap();
    older.pragma_update(None, "user_version", 2).unwrap();
    older.execute("ATTACH ?1 AS newer", [of.to_str().unwrap()]).unwrap();
    for table in ["usage_hours", "usage_days", "usage_totals"] {
        older.execute(&format!("INSERT INTO {table} SELECT * FROM newer.{table}"), []).unwrap();
    }
    older.execute("UPDATE usage_state SET keep_from_ms = 30000 * 86400000", []).unwrap();
}

/// So many hours, with a look at the clock after each.
async fn hours_pass(ledger: &Ledger, now_ms: &AtomicI64, hours: u32) {
    for _ in 0..hours {
        now_ms.fetch_add(DAY_MS / 24, Ordering::Relaxed);
        ledger.roll_up().await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_for_some_hours_deletes_nothing() {
    let now_ms = Arc::new(AtomicI64::new(NOW_MS + 5 * 365 * DAY_MS));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let clock = Clock::Manual(Arc::clone(&now_ms));
    let ledger = Ledger::open(StoreConfig::Sqlite(path.clone()), clock).unwrap();
    let books = Books { folder, ledger };
    let ada = books.account(100_000).await;
    let policy = UsagePolicy { retention_days: Some(2), ..UsagePolicy::default() };
    books.ledger.keep_usage(policy).await.unwrap();
    // The machine has booted five years ahead, and is put right.
    books.ledger.roll_up().await.unwrap();
    now_ms.store(NOW_MS, Ordering::Relaxed);
    settle_calls(&books.ledger, &ada, 1, &[1, 0]).await;
    hours_pass(&books.ledger, &now_ms, 7).await;
    assert_eq!(kept(&books.ledger, &ada).await.len(), 2);
    // Now it leaps ahead and back under way, again and again, and calls are settled meanwhile.
    for call in 3..6 {
        now_ms.fetch_add(365 * DAY_MS, Ordering::Relaxed);
        settle_calls(&books.ledger, &ada, call, &[0]).await;
        hours_pass(&books.ledger, &now_ms, 4).await;
        now_ms.fetch_sub(365 * DAY_MS, Ordering::Relaxed);
        books.ledger.roll_up().await.unwrap();
    }
    assert_eq!(kept(&books.ledger, &ada).await.len(), 5);
    // A day is no far move.
    now_ms.fetch_add(DAY_MS, Ordering::Relaxed);
    books.ledger.roll_up().await.unwrap();
    let horizon = "SELECT keep_from_ms FROM usage_state";
    let horizon: i64 =
        Connection::open(books.path()).unwrap().query_row(horizon, [], |row| row.get(0)).unwrap();
    assert_eq!(horizon, (NOW_MS / DAY_MS - 1) * DAY_MS);
    books.close().await;
}

/// What the triggers refuse, whoever asks: receipts that are young, or that are in no rollup.
#[tokio::test]
async fn only_what_is_old_and_rolled_up_can_be_deleted() {
    let books = Books::open();
    let ada = books.account(100_000).await;
    settle_calls(&books.ledger, &ada, 1, &[0, 0]).await;
    let stranger = Connection::open(books.path()).unwrap();
    let delete = || stranger.execute("DELETE FROM receipts WHERE seq = 1", []);
    assert!(delete().is_err(), "neither old nor rolled up");
    books.ledger.roll_up().await.unwrap();
    assert!(delete().is_err(), "not old");
    let horizon = "UPDATE usage_state SET keep_from_ms = 86400000 * ";
    stranger.execute_batch(&format!("{horizon} 30000")).unwrap();
    settle_calls(&books.ledger, &ada, 3, &[0]).await;
    assert!(stranger.execute("DELETE FROM receipts WHERE seq = 3", []).is_err(), "not rolled up");
    assert!(stranger.execute_batch(&format!("{horizon} 1")).is_err(), "the horizon stays");
    assert_eq!(delete().unwrap(), 1);
    assert!(stranger.execute("DELETE FROM journal", []).is_err());
    assert!(books.ledger.drain(PATIENCE).await);
}
