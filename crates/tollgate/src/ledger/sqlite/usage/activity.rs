//! Single calls: a page of them, and how many there are.
//!
//! The rollups tell on which days there is something to find and between which receipts it lies, so that a rare call is
//! found without reading what lies between. Sessions and labels are not in the rollups, and have indexes instead. Where
//! every call of an account counts, or every call there is, they lie side by side, and nothing needs to be looked up.

use domain::calendar::DAY_MS;
use rusqlite::{Connection, params_from_iter};

use super::State;
use super::filter::Filter;
use super::rollup::{HOUR_MS, bucket};
use crate::ledger::LedgerError;
use crate::ledger::receipt::RECEIPTS_MAX;
use crate::ledger::sqlite::receipts::stored_receipt;
use crate::ledger::usage::{Activity, Calls, Cursor, Interval};

const DAY_HOURS: i64 = DAY_MS / HOUR_MS;

/// The newest of these calls before `cursor`.
pub(super) fn page(
    connection: &Connection,
    calls: &Calls,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Activity, LedgerError> {
    let state = State::read(connection)?;
    let span = Span::of(calls, &state);
    let limit = limit.clamp(1, RECEIPTS_MAX) as usize;
    let end = cursor.map_or(i64::MAX, |cursor| cursor.0);
    let mut receipts = Vec::new();
    let mut seqs = Vec::new();
    for (first_seq, last_seq) in places(connection, calls, span, &state, end)? {
        let mut filter = Filter::receipts(calls);
        filter.and("started_at_ms >= ?", span.from_ms);
        filter.and("started_at_ms < ?", span.to_ms);
        filter.and("seq >= ?", first_seq);
        filter.and("seq <= ?", last_seq.min(end - 1));
        // One more than asked for tells whether there is another page.
        let missing = i64::try_from(limit + 1 - receipts.len()).unwrap_or(0);
        // First which they are, since an index may know that alone.
        let sql = format!(
            "SELECT * FROM receipts WHERE seq IN (SELECT seq {} ORDER BY seq DESC LIMIT {missing}) ORDER BY seq DESC",
            filter.sql
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(filter.values))?;
        while let Some(row) = rows.next()? {
            seqs.push(row.get("seq")?);
            receipts.push(stored_receipt(row)?);
        }
        if receipts.len() > limit {
            break;
        }
    }
    let more = receipts.len() > limit;
    receipts.truncate(limit);
    let next = more.then(|| seqs.get(limit - 1).copied().map(Cursor)).flatten();
    Ok(Activity { receipts, next })
}

/// Between which receipts to look, newest first. None of the spans overlap.
fn places(
    connection: &Connection,
    calls: &Calls,
    span: Span,
    state: &State,
    end: i64,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    if span.from_ms >= span.to_ms {
        return Ok(Vec::new());
    }
    let is_everything = *calls == Calls { account: calls.account, ..Calls::default() };
    if is_everything || calls.session.is_some() || calls.label.is_some() {
        return Ok(vec![(0, i64::MAX)]);
    }
    let day = |at_ms| bucket(Interval::Day, at_ms);
    let mut filter = Filter::rollup(calls, Interval::Day, false, day(span.from_ms), day(span.to_ms - 1));
    filter.and("first_seq < ?", end);
    let sql = format!(
        "SELECT min(first_seq) AS first_seq, max(last_seq) AS last_seq {} GROUP BY bucket ORDER BY 1",
        filter.sql
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(filter.values))?;
    let mut places: Vec<(i64, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, last) = (row.get("first_seq")?, row.get("last_seq")?);
        match places.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => places.push((first, last)),
        }
    }
    // What is not rolled up yet may be of any day.
    places.push((state.rolled_seq + 1, i64::MAX));
    places.reverse();
    Ok(places)
}

/// How many of these calls there are: whole days and hours from the rollups, the rest call by call.
pub(super) fn total(connection: &Connection, calls: &Calls) -> Result<u64, LedgerError> {
    let state = State::read(connection)?;
    let span = Span::of(calls, &state);
    if span.from_ms >= span.to_ms {
        return Ok(0);
    }
    if calls.session.is_some() || calls.label.is_some() {
        return count(connection, calls, span, (0, i64::MAX));
    }
    let mut total = count(connection, calls, span, (state.rolled_seq + 1, i64::MAX))?;
    let (first_hour, end_hour) = (ceil(span.from_ms, HOUR_MS), span.to_ms.div_euclid(HOUR_MS));
    if first_hour >= end_hour {
        return Ok(total + count_rolled(connection, calls, span, &state)?);
    }
    let (first_day, end_day) = (ceil(first_hour, DAY_HOURS), end_hour.div_euclid(DAY_HOURS));
    if first_day < end_day {
        total += sum(connection, calls, Interval::Day, first_day, end_day)?;
        total += sum(connection, calls, Interval::Hour, first_hour, first_day * DAY_HOURS)?;
        total += sum(connection, calls, Interval::Hour, end_day * DAY_HOURS, end_hour)?;
    } else {
        total += sum(connection, calls, Interval::Hour, first_hour, end_hour)?;
    }
    let before = Span { to_ms: first_hour.saturating_mul(HOUR_MS), ..span };
    let after = Span { from_ms: end_hour.saturating_mul(HOUR_MS), ..span };
    for edge in [before, after] {
        total += count_rolled(connection, calls, edge, &state)?;
    }
    Ok(total)
}

/// Calls in whole buckets.
fn sum(
    connection: &Connection,
    calls: &Calls,
    interval: Interval,
    first: i64,
    end: i64,
) -> rusqlite::Result<u64> {
    let filter = Filter::rollup(calls, interval, false, first, end - 1);
    let sql = format!("SELECT coalesce(sum(requests), 0) {}", filter.sql);
    let sum: i64 =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(filter.values), |row| row.get(0))?;
    Ok(sum.unsigned_abs())
}

/// Calls of a few hours or less that are in the rollups, one by one.
fn count_rolled(
    connection: &Connection,
    calls: &Calls,
    span: Span,
    state: &State,
) -> Result<u64, LedgerError> {
    if span.from_ms >= span.to_ms {
        return Ok(0);
    }
    let hour = |at_ms| bucket(Interval::Hour, at_ms);
    let filter = Filter::rollup(calls, Interval::Hour, false, hour(span.from_ms), hour(span.to_ms - 1));
    let sql = format!("SELECT min(first_seq), max(last_seq) {}", filter.sql);
    let place: (Option<i64>, Option<i64>) = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(filter.values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    match place {
        (Some(first), Some(last)) => count(connection, calls, span, (first, last.min(state.rolled_seq))),
        _ => Ok(0),
    }
}

/// Calls between two receipts, one by one.
fn count(
    connection: &Connection,
    calls: &Calls,
    span: Span,
    (first_seq, last_seq): (i64, i64),
) -> Result<u64, LedgerError> {
    let mut filter = Filter::receipts(calls);
    filter.and("started_at_ms >= ?", span.from_ms);
    filter.and("started_at_ms < ?", span.to_ms);
    filter.and("seq >= ?", first_seq);
    filter.and("seq <= ?", last_seq);
    let sql = format!("SELECT count(*) {}", filter.sql);
    let count: i64 =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(filter.values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// From when until when calls started. What is older than the horizon may be gone, and is not shown.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ms: i64,
    to_ms: i64,
}

impl Span {
    fn of(calls: &Calls, state: &State) -> Span {
        let from_ms = calls.from_ms.unwrap_or(i64::MIN).max(state.keep_from_ms);
        Span { from_ms, to_ms: calls.to_ms.unwrap_or(i64::MAX) }
    }
}

fn ceil(value: i64, unit: i64) -> i64 {
    value.div_euclid(unit) + i64::from(value.rem_euclid(unit) != 0)
}
