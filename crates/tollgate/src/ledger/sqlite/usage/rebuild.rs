//! Rebuilds the rollups, a day and a month at a time: rows that differ from what they are made of are replaced. The
//! watermark stays, so that every question is answered meanwhile.
//!
//! The hours of keys are made of receipts, and everything else of them. Days before the horizon have no receipts any
//! more: there the hours and days of keys stay as they are, and the others are made of those.

use std::collections::{BTreeMap, BTreeSet};

use domain::calendar::DAY_MS;
use rusqlite::Connection;

use super::State;
use super::fold::{COLUMNS, Fold};
use super::rollup::{Rolled, Rollup, Rows, Slot, Width, bucket, end_ms, start_ms};
use super::rows::{Change, KeyOf, Total, read_rolled, read_slot, read_total, read_usage};
use crate::ledger::sqlite::columns::{read_count, read_money};
use crate::ledger::usage::Interval;

/// Rows that the writer replaces at a time: as many as it inserts for one batch of calls.
const ROWS_MAX: usize = 512;

/// A day to check, and between which receipts its own lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    start_ms: i64,
    first_seq: i64,
    last_seq: i64,
}

/// The days that have receipts or rows, oldest first.
pub(crate) fn days_to_check(connection: &Connection) -> rusqlite::Result<Vec<Day>> {
    let State { rolled_seq, keep_from_ms } = State::read(connection)?;
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for interval in [Interval::Hour, Interval::Day] {
        for at_ms in times_of(connection, interval)? {
            let start_ms = start_of_day(at_ms);
            days.insert(start_ms, Day { start_ms, first_seq: i64::MAX, last_seq: 0 });
        }
    }
    let sql = "SELECT seq, started_at_ms FROM receipts WHERE seq <= ?1 AND started_at_ms >= ?2 ORDER BY seq";
    let mut statement = connection.prepare(sql)?;
    let mut receipts = statement.query([rolled_seq, keep_from_ms])?;
    while let Some(receipt) = receipts.next()? {
        let (seq, start_ms) = (receipt.get("seq")?, start_of_day(receipt.get("started_at_ms")?));
        let known = days.entry(start_ms).or_insert(Day { start_ms, first_seq: seq, last_seq: seq });
        known.first_seq = known.first_seq.min(seq);
        known.last_seq = known.last_seq.max(seq);
    }
    Ok(days.into_values().collect())
}

/// When the months start that have rows of days or rows of their own.
pub(crate) fn months_to_check(connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    let mut times = times_of(connection, Interval::Day)?;
    times.extend(times_of(connection, Interval::Month)?);
    Ok(times.into_iter().map(|at_ms| start_ms(Interval::Month, bucket(Interval::Month, at_ms))).collect())
}

/// When the buckets start that have rows.
fn times_of(connection: &Connection, interval: Interval) -> rusqlite::Result<BTreeSet<i64>> {
    let mut times = BTreeSet::new();
    for width in Width::BOTH {
        let table = Rollup { width, interval }.table();
        let mut statement = connection.prepare(&format!("SELECT DISTINCT bucket FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            times.insert(start_ms(interval, row.get("bucket")?));
        }
    }
    Ok(times)
}

fn start_of_day(at_ms: i64) -> i64 {
    start_ms(Interval::Day, bucket(Interval::Day, at_ms))
}

/// What is to be changed about a day or a month, in parts that can be stored one by one.
#[derive(Debug)]
pub(crate) struct Mending {
    /// The parts.
    pub(crate) changes: Vec<Change>,
    /// Receipts that were read.
    pub(crate) receipts: u64,
    /// Rows that differed.
    pub(crate) rows: u64,
}

/// Compares a day's rows of hours and of the day with what they are made of.
pub(crate) fn mend_day(connection: &Connection, day: Day) -> rusqlite::Result<Mending> {
    let State { rolled_seq, keep_from_ms } = State::read(connection)?;
    let span = Span { from_ms: day.start_ms, to_ms: end_ms(Interval::Day, day.start_ms) };
    let (right, widths, receipts) = if day.start_ms >= keep_from_ms {
        let (hours, receipts) = of_receipts(connection, day, rolled_seq)?;
        (hours.and_longer(&[Interval::Day]).and_wide(), &Width::BOTH[..], receipts)
    } else {
        let mut of_keys = Rows::default();
        for rollup in [Rollup::HOURS, Rollup::DAYS] {
            stored_rows(connection, rollup, span, |slot, stored| {
                stored.iter().for_each(|rolled| of_keys.add(slot.clone(), rolled));
            })?;
        }
        (of_keys.wide(), &[Width::Wide][..], 0)
    };
    let levels = widths
        .iter()
        .flat_map(|width| [Interval::Hour, Interval::Day].map(|interval| Rollup { width: *width, interval }));
    let wrong = wrong_rows(connection, right, levels, span)?;
    Ok(Mending { receipts, ..mending(rolled_seq, wrong, BTreeMap::new()) })
}

/// Compares a month's rows with its days.
pub(crate) fn mend_month(connection: &Connection, from_ms: i64) -> rusqlite::Result<Mending> {
    let State { rolled_seq, .. } = State::read(connection)?;
    let span = Span { from_ms, to_ms: end_ms(Interval::Month, from_ms) };
    let mut right = Rows::default();
    stored_rows(connection, Rollup::DAYS, span, |slot, stored| {
        stored.iter().for_each(|rolled| right.add(slot.within(Interval::Month), rolled));
    })?;
    let levels = Width::BOTH.into_iter().map(|width| Rollup { width, interval: Interval::Month });
    let wrong = wrong_rows(connection, right.and_wide(), levels, span)?;
    Ok(mending(rolled_seq, wrong, BTreeMap::new()))
}

/// Compares the totals of all keys with their days.
pub(crate) fn mend_totals(connection: &Connection) -> rusqlite::Result<Mending> {
    let State { rolled_seq, .. } = State::read(connection)?;
    let mut right: BTreeMap<KeyOf, Option<Total>> = BTreeMap::new();
    let sql =
        "SELECT account, key, outcome, requests, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
                charge_nanos
         FROM usage_days";
    let mut statement = connection.prepare(sql)?;
    let mut days = statement.query([])?;
    while let Some(day) = days.next()? {
        let requests = read_count(day, "requests")?;
        let refused = if day.get_ref("outcome")?.as_str()? == "refused" { requests } else { 0 };
        let tokens = read_usage(day)?.total();
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
    Ok(mending(rolled_seq, BTreeMap::new(), right))
}

/// The hours of keys of a day, and how many receipts they were made of.
fn of_receipts(connection: &Connection, day: Day, rolled_seq: i64) -> rusqlite::Result<(Rows, u64)> {
    let (mut fold, mut count) = (Fold::default(), 0);
    let sql = format!(
        "SELECT {COLUMNS} FROM receipts
         WHERE seq BETWEEN ?1 AND ?2 AND seq <= ?3 AND started_at_ms >= ?4 AND started_at_ms < ?5"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let end_ms = day.start_ms.saturating_add(DAY_MS);
    let mut receipts = statement.query([day.first_seq, day.last_seq, rolled_seq, day.start_ms, end_ms])?;
    while let Some(receipt) = receipts.next()? {
        fold.add(receipt)?;
        count += 1;
    }
    Ok((fold.rows(), count))
}

/// From when until when a day or a month lasts.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ms: i64,
    to_ms: i64,
}

/// The rows of these levels that are stored otherwise than they are right, as they are to be.
fn wrong_rows(
    connection: &Connection,
    right: Rows,
    levels: impl IntoIterator<Item = Rollup>,
    span: Span,
) -> rusqlite::Result<BTreeMap<Slot, Option<Rolled>>> {
    let mut wrong: BTreeMap<_, _> = right.0.into_iter().map(|(slot, rolled)| (slot, Some(rolled))).collect();
    for rollup in levels {
        stored_rows(connection, rollup, span, |slot, stored| match wrong.get(&slot) {
            Some(right) if stored == *right => {
                wrong.remove(&slot);
            }
            Some(_) => {}
            None => {
                wrong.insert(slot, None);
            }
        })?;
    }
    Ok(wrong)
}

/// Gives every row of a level in that span to `take`; `None` for one that cannot be read.
fn stored_rows(
    connection: &Connection,
    rollup: Rollup,
    span: Span,
    mut take: impl FnMut(Slot, Option<Rolled>),
) -> rusqlite::Result<()> {
    let table = rollup.table();
    // By account, since that is how the rows are ordered; also those of accounts that do not exist.
    let sql = format!(
        "WITH RECURSIVE owner (id) AS (
             SELECT min(account) FROM {table}
             UNION ALL SELECT (SELECT min(account) FROM {table} WHERE account > id) FROM owner WHERE id IS NOT NULL)
         SELECT {table}.* FROM owner CROSS JOIN {table} ON account = id AND bucket BETWEEN ?1 AND ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    // A wrong row of a month may be of any day of it.
    let unit = rollup.interval.min(Interval::Day);
    let mut rows = statement.query([bucket(unit, span.from_ms), bucket(unit, span.to_ms - 1)])?;
    while let Some(row) = rows.next()? {
        take(read_slot(rollup, row)?, read_rolled(row).ok());
    }
    Ok(())
}

fn mending(
    seq: i64,
    rows: BTreeMap<Slot, Option<Rolled>>,
    totals: BTreeMap<KeyOf, Option<Total>>,
) -> Mending {
    let wrong = u64::try_from(rows.len() + totals.len()).unwrap_or(u64::MAX);
    Mending { changes: in_parts(seq, rows, totals), receipts: 0, rows: wrong }
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
