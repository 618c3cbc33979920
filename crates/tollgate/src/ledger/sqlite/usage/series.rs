//! Series: what calls came to, interval by interval.

use std::collections::BTreeMap;

use domain::calendar::DAY_MS;
use domain::{KeyId, Period};
use rusqlite::{Connection, Row, params_from_iter};

use super::State;
use super::filter::Filter;
use super::fold::{COLUMNS, add_receipt};
use super::rows::{Rollup, read_rolled};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::columns::ColumnId;
use crate::ledger::usage::{GroupBy, Interval, POINTS_MAX, Point, SeriesQuery, Sums};

/// The points as they come together, by start and group.
type Points = BTreeMap<(i64, String), Sums>;

/// The points of a series, from the rollups and from what is not rolled up yet.
pub(super) fn points(connection: &Connection, query: &SeriesQuery) -> Result<Vec<Point>, LedgerError> {
    let SeriesQuery { calls, interval, .. } = query;
    let from_ms = calls.from_ms.map_or(i64::MIN, |from_ms| start_of(*interval, from_ms));
    let to_ms = calls.to_ms.map_or(i64::MAX, |to_ms| end_of(*interval, to_ms));
    let mut points = Points::new();
    if from_ms >= to_ms {
        return Ok(Vec::new());
    }
    let rollup = if *interval == Interval::Hour { Rollup::Hours } else { Rollup::Days };
    let mut filter = Filter::rollup(calls, rollup);
    filter.and("bucket >= ?", rollup.bucket(from_ms));
    filter.and("bucket <= ?", rollup.bucket(to_ms - 1));
    let mut statement = connection.prepare_cached(&format!("SELECT * {}", filter.sql))?;
    let mut rows = statement.query(params_from_iter(filter.values))?;
    while let Some(row) = rows.next()? {
        let start_ms = row.get::<_, i64>("bucket")?.saturating_mul(rollup.bucket_ms());
        sums_of(&mut points, query, start_ms, row)?.add(&read_rolled(row)?.sums);
    }
    let mut filter = Filter::receipts(calls);
    filter.and("started_at_ms >= ?", from_ms);
    filter.and("started_at_ms < ?", to_ms);
    filter.and("seq > ?", State::read(connection)?.rolled_seq);
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} {}", filter.sql))?;
    let mut receipts = statement.query(params_from_iter(filter.values))?;
    while let Some(receipt) = receipts.next()? {
        let start_ms = receipt.get("started_at_ms")?;
        add_receipt(sums_of(&mut points, query, start_ms, receipt)?, receipt)?;
    }
    Ok(points.into_iter().map(|((start_ms, group), sums)| Point { start_ms, group, sums }).collect())
}

/// The point to which a row of that time belongs.
fn sums_of<'a>(
    points: &'a mut Points,
    query: &SeriesQuery,
    at_ms: i64,
    row: &Row<'_>,
) -> Result<&'a mut Sums, LedgerError> {
    let group = match query.group_by {
        GroupBy::None => String::new(),
        GroupBy::Key => KeyId::read(row, "key")?.to_string(),
        GroupBy::Model => row.get("model")?,
        GroupBy::Provider => row.get("provider")?,
    };
    let place = (start_of(query.interval, at_ms), group);
    if points.len() >= POINTS_MAX && !points.contains_key(&place) {
        return Err(LedgerError::TooManyPoints(POINTS_MAX));
    }
    Ok(points.entry(place).or_default())
}

/// When the interval in which that time lies starts.
fn start_of(interval: Interval, at_ms: i64) -> i64 {
    match interval {
        Interval::Hour => Rollup::Hours.bucket(at_ms).saturating_mul(Rollup::Hours.bucket_ms()),
        Interval::Day => Rollup::Days.bucket(at_ms).saturating_mul(DAY_MS),
        Interval::Month => Period::Month.start_of(at_ms),
    }
}

/// When the last interval is over that has begun before that time.
fn end_of(interval: Interval, to_ms: i64) -> i64 {
    let last_ms = to_ms.saturating_sub(1);
    match interval {
        Interval::Hour => start_of(interval, last_ms).saturating_add(Rollup::Hours.bucket_ms()),
        Interval::Day => start_of(interval, last_ms).saturating_add(DAY_MS),
        Interval::Month => Period::Month.end_of(last_ms).unwrap_or(i64::MAX),
    }
}
