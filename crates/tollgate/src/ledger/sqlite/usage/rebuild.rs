//! Rebuilds the rollups from the receipts, a day at a time: rows that differ from what the receipts say are replaced.
//! The watermark stays, so that every question is answered meanwhile.
//!
//! Days before the horizon have no receipts any more, and keep their rows.

use std::collections::{BTreeMap, BTreeSet};

use domain::calendar::DAY_MS;
use rusqlite::Connection;

use super::State;
use super::fold::{COLUMNS, Fold};
use super::rows::{Change, KeyOf, Rolled, Rollup, Slot, Total, read_rolled, read_slot, read_total};
use crate::ledger::sqlite::columns::{read_count, read_money};

/// Rows that the writer replaces at a time: as many as it inserts for one batch of calls.
const ROWS_MAX: usize = 512;

/// A day to check, and between which receipts its own lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    day: i64,
    first_seq: i64,
    last_seq: i64,
}

/// The days from the horizon on that have receipts or rows, oldest first.
pub(crate) fn days_to_check(connection: &Connection) -> rusqlite::Result<Vec<Day>> {
    let State { rolled_seq, keep_from_ms } = State::read(connection)?;
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    let mut rolled = BTreeSet::new();
    for rollup in [Rollup::Hours, Rollup::Days] {
        let sql = format!("SELECT DISTINCT bucket FROM {} WHERE bucket >= ?1", rollup.table());
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([rollup.bucket(keep_from_ms)])?;
        while let Some(row) = rows.next()? {
            let bucket: i64 = row.get("bucket")?;
            rolled.insert(bucket.saturating_mul(rollup.bucket_ms()).div_euclid(DAY_MS));
        }
    }
    for day in rolled {
        days.insert(day, Day { day, first_seq: i64::MAX, last_seq: 0 });
    }
    let sql = "SELECT seq, started_at_ms FROM receipts WHERE seq <= ?1 AND started_at_ms >= ?2 ORDER BY seq";
    let mut statement = connection.prepare(sql)?;
    let mut receipts = statement.query([rolled_seq, keep_from_ms])?;
    while let Some(receipt) = receipts.next()? {
        let (seq, started_at_ms) = (receipt.get("seq")?, receipt.get("started_at_ms")?);
        let day = Rollup::Days.bucket(started_at_ms);
        let known = days.entry(day).or_insert(Day { day, first_seq: seq, last_seq: seq });
        known.first_seq = known.first_seq.min(seq);
        known.last_seq = known.last_seq.max(seq);
    }
    Ok(days.into_values().collect())
}

/// What is to be changed about a day, in parts that can be stored one by one.
#[derive(Debug)]
pub(crate) struct Mending {
    /// The parts.
    pub(crate) changes: Vec<Change>,
    /// Receipts that were read.
    pub(crate) receipts: u64,
    /// Rows that differed.
    pub(crate) rows: u64,
}

/// Compares a day's rows with what its receipts up to the watermark say.
pub(crate) fn mend_day(connection: &Connection, day: Day) -> rusqlite::Result<Mending> {
    let State { rolled_seq, .. } = State::read(connection)?;
    let mut fold = Fold::default();
    let mut count = 0;
    let sql = format!(
        "SELECT {COLUMNS} FROM receipts
         WHERE seq BETWEEN ?1 AND ?2 AND seq <= ?3 AND started_at_ms >= ?4 AND started_at_ms < ?5"
    );
    let start_ms = day.day.saturating_mul(DAY_MS);
    let mut statement = connection.prepare_cached(&sql)?;
    let span = [day.first_seq, day.last_seq, rolled_seq, start_ms, start_ms.saturating_add(DAY_MS)];
    let mut receipts = statement.query(span)?;
    while let Some(receipt) = receipts.next()? {
        fold.add(receipt)?;
        count += 1;
    }
    let mut right: BTreeMap<Slot, Option<Rolled>> =
        fold.rows().into_iter().map(|(slot, rolled)| (slot, Some(rolled))).collect();
    for (slot, stored) in stored_day(connection, day.day)? {
        match right.get(&slot) {
            Some(Some(rolled)) if stored.as_ref() == Some(rolled) => {
                right.remove(&slot);
            }
            Some(_) => {}
            None => {
                right.insert(slot, None);
            }
        }
    }
    let rows = u64::try_from(right.len()).unwrap_or(u64::MAX);
    Ok(Mending { changes: in_parts(rolled_seq, right, BTreeMap::new()), receipts: count, rows })
}

/// Compares the totals of all keys with their days.
pub(crate) fn mend_totals(connection: &Connection) -> rusqlite::Result<Mending> {
    let State { rolled_seq, .. } = State::read(connection)?;
    let mut right: BTreeMap<KeyOf, Option<Total>> = BTreeMap::new();
    let sql =
        "SELECT account, key, outcome, requests, input_tokens, output_tokens, charge_nanos FROM usage_days";
    let mut statement = connection.prepare(sql)?;
    let mut days = statement.query([])?;
    while let Some(day) = days.next()? {
        let requests = read_count(day, "requests")?;
        let refused = if day.get_ref("outcome")?.as_str()? == "refused" { requests } else { 0 };
        let tokens = read_count(day, "input_tokens")?.saturating_add(read_count(day, "output_tokens")?);
        let charge = read_money(day, "charge_nanos")?;
        let total = right.entry((day.get("account")?, day.get("key")?)).or_default();
        total.get_or_insert_default().add(&Total { refused, requests: requests - refused, tokens, charge });
    }
    let mut statement = connection.prepare("SELECT * FROM usage_totals")?;
    let mut stored = statement.query([])?;
    while let Some(row) = stored.next()? {
        let key = (row.get("account")?, row.get("key")?);
        let same = right.entry(key).or_default().as_ref() == read_total(row).ok().as_ref();
        if same {
            right.remove(&key);
        }
    }
    let rows = u64::try_from(right.len()).unwrap_or(u64::MAX);
    Ok(Mending { changes: in_parts(rolled_seq, BTreeMap::new(), right), receipts: 0, rows })
}

/// The rows of a day as they are stored; `None` for one that cannot be read.
fn stored_day(connection: &Connection, day: i64) -> rusqlite::Result<Vec<(Slot, Option<Rolled>)>> {
    let mut found = Vec::new();
    for rollup in [Rollup::Hours, Rollup::Days] {
        let start_ms = day.saturating_mul(DAY_MS);
        let table = rollup.table();
        // By account, since that is how the rows are ordered; also those of accounts that do not exist.
        let sql = format!(
            "WITH RECURSIVE owner (id) AS (
                 SELECT min(account) FROM {table}
                 UNION ALL SELECT (SELECT min(account) FROM {table} WHERE account > id) FROM owner WHERE id IS NOT NULL)
             SELECT {table}.* FROM owner CROSS JOIN {table} ON account = id AND bucket BETWEEN ?1 AND ?2"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let last_ms = start_ms.saturating_add(DAY_MS - 1);
        let mut rows = statement.query([rollup.bucket(start_ms), rollup.bucket(last_ms)])?;
        while let Some(row) = rows.next()? {
            found.push((read_slot(rollup, row)?, read_rolled(row).ok()));
        }
    }
    Ok(found)
}

/// Cuts a change into parts. Each row is right by itself, whatever part it comes in.
fn in_parts(
    seq: i64,
    rows: BTreeMap<Slot, Option<Rolled>>,
    totals: BTreeMap<KeyOf, Option<Total>>,
) -> Vec<Change> {
    let mut parts = Vec::new();
    let (mut rows, mut totals) = (rows.into_iter().peekable(), totals.into_iter().peekable());
    while rows.peek().is_some() || totals.peek().is_some() {
        let rows = rows.by_ref().take(ROWS_MAX).collect();
        let totals = totals.by_ref().take(ROWS_MAX).collect();
        parts.push(Change { from_seq: seq, to_seq: seq, rows, totals });
    }
    parts
}
