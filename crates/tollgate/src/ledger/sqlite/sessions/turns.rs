//! Turns: opened, settled, deleted.
//!
//! A settlement has to be stored whatever it says, since the next ones wait behind it. So nothing that a client can send
//! makes one of these statements fail: what a turn goes on from may be gone, and its items may have any name.

use domain::{AccountId, CallId, Outcome};
use rusqlite::{Connection, params};

use super::{
    FoundTurn, Part, SessionRow, TurnRow, count, doom, find_conversation, find_turn, grow, has_turns,
    insert_items, insert_thread, named_session, row_bytes, use_session,
};
use crate::ledger::LedgerError;
use crate::ledger::sessions::{NewTurn, Place, TurnStatus};
use crate::ledger::sqlite::columns::ColumnId;
use crate::ledger::store::Settlement;

/// Stores the turn of a call with its settlement. An answer that was withheld is no part of a session: whoever asked was
/// told that it failed.
pub(in crate::ledger::sqlite) fn settle_turn(
    connection: &Connection,
    settlement: &Settlement,
    turn: &NewTurn,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let withheld = settlement.receipt.outcome == Outcome::Unsettled;
    match (turn.background, withheld) {
        (false, false) => open_turn(connection, turn, at_ms),
        (false, true) => Ok(()),
        (true, false) => advance_turn(connection, turn, at_ms).map(drop),
        (true, true) => {
            let failed = NewTurn { status: TurnStatus::Failed, output: Vec::new(), ..turn.clone() };
            advance_turn(connection, &failed, at_ms).map(drop)
        }
    }
}

/// Stores a turn with all its items, unless it is there.
pub(crate) fn open_turn(connection: &Connection, turn: &NewTurn, at_ms: i64) -> Result<(), LedgerError> {
    let sql = "INSERT INTO turns (call, session, parent, joined, background, status, created_at_ms, head)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    if is_stored(connection, turn.call)? {
        return Ok(());
    }
    let spot = Spot::find(connection, turn, at_ms)?;
    connection.prepare_cached(sql)?.execute(params![
        turn.call.column(),
        spot.session.0,
        spot.parent.map(ColumnId::column),
        spot.joined,
        turn.background,
        turn.status.as_str(),
        turn.created_at_ms,
        turn.head
    ])?;
    let row = TurnRow(connection.last_insert_rowid());
    let conversation = spot.joined.then_some(spot.session);
    let part = Part { account: turn.account, turn: Some(row), conversation, output: false };
    let mut bytes = row_bytes(&[&turn.head]);
    bytes += insert_items(connection, &part, &turn.input)?;
    bytes += insert_items(connection, &Part { output: true, ..part }, &turn.output)?;
    Ok(use_session(connection, turn.account, spot.session, bytes, at_ms)?)
}

/// Stores how far an opened turn has come, with its output. `false` when it is not there or has ended.
pub(crate) fn advance_turn(connection: &Connection, turn: &NewTurn, at_ms: i64) -> Result<bool, LedgerError> {
    let found = find_turn(connection, turn.account, turn.call)?;
    let Some(FoundTurn { row, session, in_conversation, .. }) =
        found.filter(|found| !found.status.is_final())
    else {
        return Ok(false);
    };
    let (joined, head_bytes): (bool, i64) = connection
        .prepare_cached("SELECT joined, octet_length(head) FROM turns WHERE id = ?1")?
        .query_row([row.0], |found| Ok((found.get(0)?, found.get(1)?)))?;
    connection.prepare_cached("UPDATE turns SET status = ?1, head = ?2 WHERE id = ?3")?.execute(params![
        turn.status.as_str(),
        turn.head,
        row.0
    ])?;
    let conversation = (joined && in_conversation).then_some(session);
    let part = Part { account: turn.account, turn: Some(row), conversation, output: true };
    let bytes = insert_items(connection, &part, &turn.output)?;
    use_session(connection, turn.account, session, bytes, at_ms)?;
    grow(connection, turn.account, session, count(turn.head.len() as u64) - head_bytes)?;
    Ok(true)
}

/// Deletes a turn, and its items unless they are part of a conversation. `false` when it is not there.
pub(crate) fn delete_turn(
    connection: &Connection,
    account: AccountId,
    call: CallId,
) -> Result<bool, LedgerError> {
    let Some(FoundTurn { row, session, in_conversation, .. }) = find_turn(connection, account, call)? else {
        return Ok(false);
    };
    if in_conversation {
        connection
            .prepare_cached("UPDATE items SET turn = NULL WHERE turn = ?1 AND conversation IS NOT NULL")?
            .execute([row.0])?;
    }
    let bytes: i64 = connection
        .prepare_cached(
            "SELECT ?2 + octet_length(head)
                    + (SELECT coalesce(sum(?2 + octet_length(id) + octet_length(body)), 0)
                       FROM items WHERE turn = turns.id)
             FROM turns WHERE id = ?1",
        )?
        .query_row([row.0, count(super::ROW_BYTES)], |found| found.get(0))?;
    connection.prepare_cached("DELETE FROM items WHERE turn = ?1")?.execute([row.0])?;
    connection.prepare_cached("DELETE FROM turns WHERE id = ?1")?.execute([row.0])?;
    grow(connection, account, session, -bytes)?;
    if !in_conversation && !has_turns(connection, session)? {
        doom(connection, session)?;
    }
    Ok(true)
}

/// Where a new turn is stored.
struct Spot {
    session: SessionRow,
    parent: Option<CallId>,
    joined: bool,
}

impl Spot {
    fn find(connection: &Connection, turn: &NewTurn, at_ms: i64) -> rusqlite::Result<Spot> {
        let found = match turn.place {
            Place::Root => None,
            Place::After(parent) => {
                let found = find_turn(connection, turn.account, parent)?;
                found.map(|found| Spot { session: found.session, parent: Some(parent), joined: false })
            }
            Place::In(id) => {
                if let Some(name) = &turn.name_if_new {
                    let session = named_session(connection, turn.account, name, id, at_ms)?;
                    return Ok(Spot { session, parent: None, joined: true });
                }
                let session = find_conversation(connection, turn.account, id)?;
                session.map(|session| Spot { session, parent: None, joined: true })
            }
        };
        match found {
            Some(spot) => Ok(spot),
            None => {
                let session = insert_thread(connection, turn.account, at_ms)?;
                Ok(Spot { session, parent: None, joined: false })
            }
        }
    }
}

/// Whether there is a turn of that call, whoever's it is.
fn is_stored(connection: &Connection, call: CallId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM turns WHERE call = ?1)")?
        .query_row([call.column()], |row| row.get(0))
}
