//! Deletes receipts that are older than what is kept. Their rollups and their money in the journal stay.

use domain::calendar::DAY_MS;
use rusqlite::{Connection, TransactionBehavior};

use super::State;
use crate::ledger::LedgerError;

/// Receipts that are looked at for old ones. They lie in the order of settlement, so the old ones come first, but for a
/// few that lasted long.
const LOOK_AT: i64 = 5_000;

/// Receipts that are deleted at a time: the writer settles one batch of calls in as long.
const DELETE_MAX: i64 = 500;

/// The horizon for a retention of so many days: the start of a UTC day.
pub(crate) fn horizon(now_ms: i64, days: u32) -> i64 {
    (now_ms.div_euclid(DAY_MS) - i64::from(days)).saturating_mul(DAY_MS)
}

/// Moves the horizon forward. It never moves back.
pub(crate) fn move_horizon(connection: &Connection, keep_from_ms: i64) -> Result<(), LedgerError> {
    connection.execute("UPDATE usage_state SET keep_from_ms = ?1 WHERE keep_from_ms < ?1", [keep_from_ms])?;
    Ok(())
}

/// Whether there are receipts that a horizon there would delete.
pub(crate) fn keeps_from_before(connection: &Connection, horizon: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM (SELECT started_at_ms, settled_at_ms FROM receipts ORDER BY seq LIMIT ?1)
                              WHERE started_at_ms < ?2 AND settled_at_ms < ?2)";
    connection.prepare_cached(sql)?.query_row([LOOK_AT, horizon], |row| row.get(0))
}

/// The number of one receipt up to which some have expired; `None` when none has.
///
/// The newest receipt always stays: its number is where the next one's comes from.
pub(crate) fn expired(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let State { rolled_seq, keep_from_ms } = State::read(connection)?;
    let sql = "SELECT max(seq) FROM
                   (SELECT seq FROM
                        (SELECT seq, started_at_ms, settled_at_ms FROM receipts ORDER BY seq LIMIT ?1)
                    WHERE seq <= ?2 AND seq < (SELECT max(seq) FROM receipts)
                      AND started_at_ms < ?3 AND settled_at_ms < ?3
                    ORDER BY seq LIMIT ?4)";
    connection
        .prepare_cached(sql)?
        .query_row([LOOK_AT, rolled_seq, keep_from_ms, DELETE_MAX], |row| row.get(0))
}

/// Deletes the expired receipts up to that one.
pub(crate) fn prune(connection: &mut Connection, up_to: i64) -> Result<(), LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let State { rolled_seq, keep_from_ms } = State::read(&transaction)?;
    transaction
        .prepare_cached(
            "DELETE FROM receipts WHERE seq <= ?1 AND seq <= ?2 AND started_at_ms < ?3 AND settled_at_ms < ?3
             AND seq < (SELECT max(seq) FROM receipts)",
        )?
        .execute([up_to, rolled_seq, keep_from_ms])?;
    transaction.commit()?;
    Ok(())
}
