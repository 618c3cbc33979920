//! Lists of items, page by page, and single items.

use domain::{AccountId, CallId, ConversationId};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{find_conversation, find_turn, stored_item};
use crate::ledger::sessions::{
    Item, ItemList, ItemPage, Order, PAGE_BYTES_MAX, PAGE_ITEMS_MAX, SessionError,
};
use crate::ledger::sqlite::columns::{ColumnId, read_count};

/// A page of the items that a call brought.
pub(crate) fn input_items(
    connection: &Connection,
    account: AccountId,
    call: CallId,
    page: &ItemPage,
) -> Result<ItemList, SessionError> {
    let turn = find_turn(connection, account, call)?.ok_or(SessionError::NotFound)?.row;
    list(connection, account, &List { filter: "turn = ?1 AND output = 0", of: turn.0 }, page)
}

/// The items that the model answered a call with.
pub(crate) fn output_items(
    connection: &Connection,
    account: AccountId,
    call: CallId,
) -> Result<Vec<Item>, SessionError> {
    let turn = find_turn(connection, account, call)?.ok_or(SessionError::NotFound)?.row;
    let mut statement = connection
        .prepare_cached("SELECT id, body FROM items WHERE turn = ?1 AND output = 1 ORDER BY seq")?;
    let rows = statement.query_map([turn.0], stored_item)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A page of the items of a conversation.
pub(crate) fn conversation_items(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
    page: &ItemPage,
) -> Result<ItemList, SessionError> {
    let session = find_conversation(connection, account, id)?.ok_or(SessionError::NotFound)?;
    list(connection, account, &List { filter: "conversation = ?1", of: session.0 }, page)
}

/// One item of a conversation, the newest of its name.
pub(crate) fn conversation_item(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
    item: &str,
) -> rusqlite::Result<Option<Item>> {
    let Some(session) = find_conversation(connection, account, id)? else { return Ok(None) };
    let sql = "SELECT id, body FROM items INDEXED BY items_by_id
               WHERE account = ?1 AND id = ?2 AND conversation = ?3 ORDER BY seq DESC LIMIT 1";
    connection
        .prepare_cached(sql)?
        .query_row(params![account.column(), item, session.0], stored_item)
        .optional()
}

/// The newest item of that name in all sessions of the account.
pub(crate) fn item(
    connection: &Connection,
    account: AccountId,
    item: &str,
) -> rusqlite::Result<Option<Item>> {
    let sql = "SELECT i.id, i.body
               FROM items AS i INDEXED BY items_by_id
               LEFT JOIN turns AS t ON t.id = i.turn
               JOIN sessions AS s ON s.id = coalesce(t.session, i.conversation)
               WHERE i.account = ?1 AND i.id = ?2 AND s.account = ?1
                 AND (i.turn IS NOT NULL OR s.kind = 'conversation')
               ORDER BY i.seq DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![account.column(), item], stored_item).optional()
}

/// Which items are listed: a condition whose first parameter is the number of a row.
struct List {
    filter: &'static str,
    of: i64,
}

fn list(
    connection: &Connection,
    account: AccountId,
    list: &List,
    page: &ItemPage,
) -> Result<ItemList, SessionError> {
    let after = match &page.after {
        Some(item) => Some(cursor(connection, account, list, item)?),
        None => None,
    };
    let List { filter, of } = list;
    let (beyond, direction, from) = match page.order {
        Order::Asc => (">", "ASC", after.unwrap_or(i64::MIN)),
        Order::Desc => ("<", "DESC", after.unwrap_or(i64::MAX)),
    };
    let limit = page.limit.clamp(1, PAGE_ITEMS_MAX);
    // One more than is asked for says whether there are more.
    let sql = format!(
        "SELECT id, octet_length(body) AS bytes, body FROM items
         WHERE {filter} AND seq {beyond} ?2 ORDER BY seq {direction} LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![of, from, limit + 1])?;
    let mut items = Vec::new();
    let mut room = PAGE_BYTES_MAX;
    while let Some(row) = rows.next()? {
        let bytes = read_count(row, "bytes")?;
        if items.len() == limit as usize || (bytes > room && !items.is_empty()) {
            return Ok(ItemList { items, has_more: true });
        }
        room = room.saturating_sub(bytes);
        items.push(stored_item(row)?);
    }
    Ok(ItemList { items, has_more: false })
}

/// The number of the newest item of that name in the list.
fn cursor(connection: &Connection, account: AccountId, list: &List, item: &str) -> Result<i64, SessionError> {
    let sql = format!(
        "SELECT seq FROM items INDEXED BY items_by_id
         WHERE {} AND account = ?2 AND id = ?3 ORDER BY seq DESC LIMIT 1",
        list.filter
    );
    let values: [&dyn ToSql; 3] = [&list.of, &account.column(), &item];
    let found = connection.prepare_cached(&sql)?.query_row(&values[..], |row| row.get(0)).optional()?;
    found.ok_or(SessionError::UnknownCursor)
}
