//! Series: what calls came to, interval by interval.

use std::collections::BTreeMap;

use domain::KeyId;
use rusqlite::{Connection, Row, params_from_iter};

use super::State;
use super::filter::Filter;
use super::fold::{COLUMNS, add_receipt};
use super::rollup::{bucket, end_ms, start_ms};
use super::rows::read_rolled;
use crate::ledger::LedgerError;
use crate::ledger::sqlite::columns::ColumnId;
use crate::ledger::usage::{GroupBy, POINTS_MAX, Point, SeriesQuery, Sums};

/// The points as they come together, by start and group.
type Points = BTreeMap<(i64, String), Sums>;

/// The points of a series, from the rollups and from what is not rolled up yet.
pub(super) fn points(connection: &Connection, query: &SeriesQuery) -> Result<Vec<Point>, LedgerError> {
    let SeriesQuery { calls, interval, group_by } = query;
    let of_time = |at_ms| bucket(*interval, at_ms);
    let from_ms = calls.from_ms.map_or(i64::MIN, |from_ms| start_ms(*interval, of_time(from_ms)));
    let to_ms = calls.to_ms.map_or(i64::MAX, |to_ms| end_ms(*interval, to_ms.saturating_sub(1)));
    let mut points = Points::new();
    if from_ms >= to_ms {
        return Ok(Vec::new());
    }
    let by_key = *group_by == GroupBy::Key;
    let filter = Filter::rollup(calls, *interval, by_key, of_time(from_ms), of_time(to_ms - 1));
    if by_key && calls.key.is_none() {
        refuse_too_many(connection, &filter)?;
    }
    let mut statement = connection.prepare_cached(&format!("SELECT * {}", filter.sql))?;
    let mut rows = statement.query(params_from_iter(filter.values))?;
    while let Some(row) = rows.next()? {
        let bucket = row.get("bucket")?;
        sums_of(&mut points, query, bucket, row)?.add(&read_rolled(row)?.sums);
    }
    let mut filter = Filter::receipts(calls);
    filter.and("started_at_ms >= ?", from_ms);
    filter.and("started_at_ms < ?", to_ms);
    filter.and("seq > ?", State::read(connection)?.rolled_seq);
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} {}", filter.sql))?;
    let mut receipts = statement.query(params_from_iter(filter.values))?;
    while let Some(receipt) = receipts.next()? {
        let bucket = of_time(receipt.get("started_at_ms")?);
        add_receipt(sums_of(&mut points, query, bucket, receipt)?, receipt)?;
    }
    Ok(points.into_iter().map(|((start_ms, group), sums)| Point { start_ms, group, sums }).collect())
}

/// Refuses a series of more points than may be before it adds anything up, as that is what takes time: where keys are
/// many, a point has several rows.
fn refuse_too_many(connection: &Connection, filter: &Filter) -> Result<(), LedgerError> {
    let sql = format!(
        "SELECT count(*) > {POINTS_MAX} FROM (SELECT DISTINCT bucket, key {} LIMIT {POINTS_MAX} + 1)",
        filter.sql
    );
    let too_many: bool =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(&filter.values), |row| row.get(0))?;
    if too_many { Err(LedgerError::TooManyPoints(POINTS_MAX)) } else { Ok(()) }
}

/// The point to which a row of that bucket belongs.
fn sums_of<'a>(
    points: &'a mut Points,
    query: &SeriesQuery,
    bucket: i64,
    row: &Row<'_>,
) -> Result<&'a mut Sums, LedgerError> {
    let group = match query.group_by {
        GroupBy::None => String::new(),
        GroupBy::Key => KeyId::read(row, "key")?.to_string(),
        GroupBy::Model => row.get("model")?,
        GroupBy::Provider => row.get("provider")?,
    };
    let place = (start_ms(query.interval, bucket), group);
    if points.len() >= POINTS_MAX && !points.contains_key(&place) {
        return Err(LedgerError::TooManyPoints(POINTS_MAX));
    }
    Ok(points.entry(place).or_default())
}
