//! All that a turn goes on from. It is read from its newest item back, so that whoever needs only the end of a long
//! history reads no more than that.

use domain::{AccountId, CallId};
use rusqlite::{CachedStatement, Connection, Params, Row, params};

use super::{conversation_by_name, find_conversation, find_turn, stored_item};
use crate::ledger::sessions::{Bounds, Item, Origin, Place, Recent, SessionError};

/// The turn `?1` and all before it, the newest first. Its rows come as they are found, so that a walk that is ended has
/// not gone further.
const WALK: &str = "WITH RECURSIVE walk (id, session, parent, joined) AS (
        SELECT id, session, parent, joined FROM turns WHERE id = ?1
        UNION ALL
        SELECT t.id, t.session, t.parent, t.joined FROM walk JOIN turns AS t ON t.call = walk.parent
    )
    SELECT id, session, parent IS NOT NULL AS has_parent, joined FROM walk";

const ITEMS_OF_TURN: &str = "SELECT id, body FROM items WHERE turn = ?1 ORDER BY seq DESC";

const ITEMS_OF_CONVERSATION: &str =
    "SELECT id, body FROM items WHERE conversation = ?1 AND seq <= ?2 ORDER BY seq DESC";

/// What a call of the account goes on from, from its newest item back: to the first with which `read` says that it is
/// enough, or as far as the bounds allow.
pub(crate) fn recent<T>(
    connection: &Connection,
    account: AccountId,
    origin: &Origin,
    bounds: Bounds,
    read: impl FnMut(Item) -> (T, bool),
) -> Result<Recent<T>, SessionError> {
    let place = match origin {
        Origin::Place(place) => *place,
        Origin::Name(name) => conversation_by_name(connection, account, name)?
            .map_or(Place::Root, |conversation| Place::In(conversation.id)),
    };
    let mut reading = Reading { bounds, read, items: Vec::new(), bytes: 0 };
    let is_whole = match place {
        Place::Root => true,
        Place::In(id) => {
            let session = find_conversation(connection, account, id)?.ok_or(SessionError::NotFound)?;
            reading.conversation(connection, session.0, i64::MAX)?
        }
        Place::After(call) => reading.turns(connection, account, call)?,
    };
    let mut items = reading.items;
    items.reverse();
    Ok(Recent { place, items, is_whole })
}

/// Items on their way into memory, the newest first.
struct Reading<T, R> {
    bounds: Bounds,
    read: R,
    items: Vec<T>,
    bytes: u64,
}

impl<T, R: FnMut(Item) -> (T, bool)> Reading<T, R> {
    /// Takes the items of the turn of that call and of all before it. `false` when it ends before that.
    fn turns(
        &mut self,
        connection: &Connection,
        account: AccountId,
        call: CallId,
    ) -> Result<bool, SessionError> {
        let last = find_turn(connection, account, call)?.ok_or(SessionError::NotFound)?;
        if !last.status.is_final() {
            return Err(SessionError::Unfinished);
        }
        let mut walk = connection.prepare_cached(WALK)?;
        // Prepared once: to look it up turn by turn takes as long as to read the items.
        let mut items_of_turn = connection.prepare_cached(ITEMS_OF_TURN)?;
        let mut rows = walk.query([last.row.0])?;
        let (mut turns, mut reaches_root) = (0, false);
        while let Some(row) = rows.next()? {
            // Nearly every turn has items. Those without are not to be walked for ever either.
            if turns == self.bounds.items_max {
                return Ok(false);
            }
            turns += 1;
            let turn = Turn::read(row)?;
            if turn.joined {
                return match last.in_conversation {
                    true => self.conversation(connection, turn.session, turn.newest_item(connection)?),
                    // What it went on from is deleted.
                    false => Err(SessionError::Broken),
                };
            }
            if !self.take(&mut items_of_turn, [turn.id])? {
                return Ok(false);
            }
            reaches_root = !turn.has_parent;
        }
        if reaches_root { Ok(true) } else { Err(SessionError::Broken) }
    }

    /// Takes the items of a conversation, the one with the number `up_to` and all before it.
    fn conversation(
        &mut self,
        connection: &Connection,
        session: i64,
        up_to: i64,
    ) -> Result<bool, SessionError> {
        self.take(&mut connection.prepare_cached(ITEMS_OF_CONVERSATION)?, params![session, up_to])
    }

    /// Takes items, the newest first. `false` when it ends before all are taken, or with what is enough.
    fn take(
        &mut self,
        statement: &mut CachedStatement<'_>,
        values: impl Params,
    ) -> Result<bool, SessionError> {
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let item = stored_item(row)?;
            self.bytes = self.bytes.saturating_add(item.body.len() as u64);
            if self.items.len() == self.bounds.items_max || self.bytes > self.bounds.bytes_max {
                return Ok(false);
            }
            let (item, is_enough) = (self.read)(item);
            self.items.push(item);
            if is_enough {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A step of the walk.
struct Turn {
    id: i64,
    session: i64,
    has_parent: bool,
    /// Whether it is part of its conversation, which is then all that comes before it.
    joined: bool,
}

impl Turn {
    fn read(row: &Row<'_>) -> rusqlite::Result<Turn> {
        Ok(Turn {
            id: row.get("id")?,
            session: row.get("session")?,
            has_parent: row.get("has_parent")?,
            joined: row.get("joined")?,
        })
    }

    /// The number of its last item.
    fn newest_item(&self, connection: &Connection) -> rusqlite::Result<i64> {
        connection
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM items WHERE turn = ?1")?
            .query_row([self.id], |row| row.get(0))
    }
}
