//! All that a turn goes on from. Only numbers are read on the way up the parents; then each text once, oldest first.

use domain::{AccountId, CallId};
use rusqlite::{Connection, Row, params};

use super::{TurnRow, find_conversation, find_turn, stored_item};
use crate::ledger::sessions::{Bounds, Item, Place, SessionError};
use crate::ledger::sqlite::columns::read_count;

/// The turn `?1` and all before it, the newest first, at most `?2` of them.
const WALK: &str = "WITH RECURSIVE walk (id, session, parent, joined) AS (
        SELECT id, session, parent, joined FROM turns WHERE id = ?1
        UNION ALL
        SELECT t.id, t.session, t.parent, t.joined FROM walk JOIN turns AS t ON t.call = walk.parent
    )
    SELECT id, session, parent IS NOT NULL AS has_parent, joined FROM walk LIMIT ?2";

const ITEMS_OF_TURN: &str =
    "SELECT id, octet_length(body) AS bytes, body FROM items WHERE turn = ?1 ORDER BY seq";

const ITEMS_OF_CONVERSATION: &str = "SELECT id, octet_length(body) AS bytes, body FROM items
    WHERE conversation = ?1 AND seq <= ?2 ORDER BY seq";

/// All that a turn of the account in that place goes on from, the oldest first.
pub(crate) fn history(
    connection: &Connection,
    account: AccountId,
    place: Place,
    bounds: Bounds,
) -> Result<Vec<Item>, SessionError> {
    let mut reading = Reading { connection, bounds, items: Vec::new(), bytes: 0 };
    match place {
        Place::Root => {}
        Place::In(id) => {
            let session = find_conversation(connection, account, id)?.ok_or(SessionError::NotFound)?;
            reading.take(ITEMS_OF_CONVERSATION, &[session.0, i64::MAX])?;
        }
        Place::After(call) => {
            for step in steps(connection, account, call, bounds)? {
                match step {
                    Step::Turn(turn) => reading.take(ITEMS_OF_TURN, &[turn.0])?,
                    Step::Conversation { session, up_to } => {
                        reading.take(ITEMS_OF_CONVERSATION, &[session, up_to])?;
                    }
                }
            }
        }
    }
    Ok(reading.items)
}

/// A part of a history.
enum Step {
    /// The items of a turn.
    Turn(TurnRow),
    /// The items of a conversation up to the last one of a turn that is part of it.
    Conversation { session: i64, up_to: i64 },
}

/// The parts of the history that ends with the turn of that call, the oldest first.
fn steps(
    connection: &Connection,
    account: AccountId,
    call: CallId,
    bounds: Bounds,
) -> Result<Vec<Step>, SessionError> {
    let last = find_turn(connection, account, call)?.ok_or(SessionError::NotFound)?;
    let mut statement = connection.prepare_cached(WALK)?;
    // Every turn has items. One more than may be there says that it is too long.
    let turns_max = i64::try_from(bounds.items_max).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query(params![last.row.0, turns_max])?;
    let mut steps = Vec::new();
    let mut whole = false;
    while let Some(row) = rows.next()? {
        if steps.len() == bounds.items_max {
            return Err(SessionError::TooLong);
        }
        let (step, is_first) = step(connection, row, last.in_conversation)?;
        steps.push(step);
        whole = is_first;
    }
    steps.reverse();
    if whole { Ok(steps) } else { Err(SessionError::Broken) }
}

/// One step, and whether nothing comes before it.
fn step(connection: &Connection, row: &Row<'_>, in_conversation: bool) -> Result<(Step, bool), SessionError> {
    let turn = TurnRow(row.get("id")?);
    match (row.get("joined")?, in_conversation) {
        (true, true) => {
            let up_to = connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM items WHERE turn = ?1")?
                .query_row([turn.0], |row| row.get(0))?;
            Ok((Step::Conversation { session: row.get("session")?, up_to }, true))
        }
        // What it went on from is deleted.
        (true, false) => Err(SessionError::Broken),
        (false, _) => Ok((Step::Turn(turn), !row.get::<_, bool>("has_parent")?)),
    }
}

/// Items on their way into memory, within their bounds.
struct Reading<'a> {
    connection: &'a Connection,
    bounds: Bounds,
    items: Vec<Item>,
    bytes: u64,
}

impl Reading<'_> {
    fn take(&mut self, sql: &str, values: &[i64]) -> Result<(), SessionError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            self.bytes = self.bytes.saturating_add(read_count(row, "bytes")?);
            if self.items.len() == self.bounds.items_max || self.bytes > self.bounds.bytes_max {
                return Err(SessionError::TooLong);
            }
            self.items.push(stored_item(row)?);
        }
        Ok(())
    }
}
