//! What was deleted, or was not used for long, goes from the disk: a few rows at a time, since calls wait meanwhile.

use domain::AccountId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{ColumnId, SessionRow, doom, grow, has_turns, read_optional_id};
use crate::ledger::LedgerError;
use crate::ledger::sessions::ROW_BYTES;

/// Sessions that are retired in one transaction. Each takes two small updates.
const RETIRED_AT_ONCE: u32 = 100;

/// Rows that are cleared in one transaction: the writer settles one batch of calls in as long.
const CLEARED_AT_ONCE: usize = 256;

/// No further row is cleared in a transaction that has cleared as many bytes: pages are freed one by one.
const CLEARED_BYTES: i64 = 8 << 20;

/// When the session that was not used for longest was used.
pub(crate) fn oldest_use(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT min(used_at_ms) FROM sessions INDEXED BY sessions_by_use WHERE account IS NOT NULL",
        )?
        .query_row([], |row| row.get(0))
}

/// Deletes sessions that were last used before that time, some of them, and says whose.
pub(crate) fn retire(connection: &Connection, before_ms: i64) -> Result<Vec<AccountId>, LedgerError> {
    let sql = "SELECT id, account FROM sessions INDEXED BY sessions_by_use
               WHERE account IS NOT NULL AND used_at_ms < ?1 ORDER BY used_at_ms LIMIT ?2";
    let unused: Vec<(SessionRow, AccountId)> = connection
        .prepare_cached(sql)?
        .query_map(params![before_ms, RETIRED_AT_ONCE], |row| {
            Ok((SessionRow(row.get("id")?), ColumnId::read(row, "account")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (session, _) in &unused {
        doom(connection, *session)?;
    }
    Ok(unused.into_iter().map(|(_, account)| account).collect())
}

/// Whether there is something to clear.
pub(crate) fn has_remains(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sessions INDEXED BY sessions_to_clear WHERE kind = 'remains')",
        )?
        .query_row([], |row| row.get(0))
}

/// Deletes some rows of what was deleted, and says whose they were, where they were still somebody's.
pub(crate) fn clear(connection: &Connection) -> Result<Option<AccountId>, LedgerError> {
    let sql = "SELECT id, account FROM sessions INDEXED BY sessions_to_clear WHERE kind = 'remains' LIMIT 1";
    let mut budget = Budget { rows: CLEARED_AT_ONCE, bytes: CLEARED_BYTES };
    while !budget.is_spent() {
        let found = connection
            .prepare_cached(sql)?
            .query_row([], |row| {
                let account = read_optional_id(row, "account")?.map(AccountId::from_bits);
                Ok((SessionRow(row.get("id")?), account))
            })
            .optional()?;
        match found {
            None => break,
            Some((session, None)) => clear_whole(connection, session, &mut budget)?,
            Some((session, Some(account))) => {
                clear_remains(connection, account, session, &mut budget)?;
                return Ok(Some(account));
            }
        }
    }
    Ok(None)
}

/// What one transaction may still delete.
struct Budget {
    rows: usize,
    bytes: i64,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes <= 0
    }

    fn spend(&mut self, bytes: i64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes -= bytes;
    }
}

/// What a deleted conversation leaves: its responses, which become a thread once everything else is gone.
fn clear_remains(
    connection: &Connection,
    account: AccountId,
    session: SessionRow,
    budget: &mut Budget,
) -> rusqlite::Result<()> {
    let (freed, done) = delete_items(connection, "conversation = ?1 AND turn IS NULL", session.0, budget)?;
    grow(connection, account, session, -freed)?;
    if !done {
        return Ok(());
    }
    if !has_turns(connection, session)? {
        return doom(connection, session);
    }
    connection.prepare_cached("UPDATE sessions SET kind = 'thread' WHERE id = ?1")?.execute([session.0])?;
    Ok(())
}

/// A session that nobody finds any more: turn by turn, then what is part of none, then itself.
fn clear_whole(connection: &Connection, session: SessionRow, budget: &mut Budget) -> rusqlite::Result<()> {
    let next_turn = "SELECT id FROM turns WHERE session = ?1 LIMIT 1";
    while !budget.is_spent() {
        let turn: Option<i64> =
            connection.prepare_cached(next_turn)?.query_row([session.0], |row| row.get(0)).optional()?;
        let Some(turn) = turn else { break };
        if delete_items(connection, "turn = ?1", turn, budget)?.1 {
            connection.prepare_cached("DELETE FROM turns WHERE id = ?1")?.execute([turn])?;
            budget.spend(0);
        }
    }
    let (_, done) = delete_items(connection, "conversation = ?1 AND turn IS NULL", session.0, budget)?;
    if done && !has_turns(connection, session)? {
        connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([session.0])?;
        budget.spend(0);
    }
    Ok(())
}

/// Deletes items as far as the budget goes. Says what they took, and whether none is left.
fn delete_items(
    connection: &Connection,
    filter: &'static str,
    of: i64,
    budget: &mut Budget,
) -> rusqlite::Result<(i64, bool)> {
    let sql = format!(
        "SELECT seq, {ROW_BYTES} + octet_length(id) + octet_length(body) AS bytes FROM items WHERE {filter}
         ORDER BY seq LIMIT ?2"
    );
    // One more than may be deleted says whether any is left.
    let limit = i64::try_from(budget.rows).unwrap_or(i64::MAX).saturating_add(1);
    let doomed: Vec<(i64, i64)> = connection
        .prepare_cached(&sql)?
        .query_map([of, limit], |row| Ok((row.get("seq")?, row.get("bytes")?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut freed = 0;
    for (seq, bytes) in doomed {
        if budget.is_spent() {
            return Ok((freed, false));
        }
        connection.prepare_cached("DELETE FROM items WHERE seq = ?1")?.execute([seq])?;
        budget.spend(bytes);
        freed += bytes;
    }
    Ok((freed, true))
}
