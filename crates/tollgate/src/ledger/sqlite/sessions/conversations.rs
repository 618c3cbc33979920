//! Conversations: made, changed, deleted.

use domain::{AccountId, ConversationId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Part, SessionRow, conversation_by_name, count, doom, find_conversation, grow, has_turns, insert_items,
    row_bytes, use_session,
};
use crate::ledger::LedgerError;
use crate::ledger::sessions::{COPIES_MAX, Item, NewConversation, ROW_BYTES};
use crate::ledger::sqlite::columns::ColumnId;

/// Stores a conversation with its first items; `false` when the name is taken.
pub(crate) fn create_conversation(
    connection: &Connection,
    account: AccountId,
    new: &NewConversation,
    at_ms: i64,
) -> Result<bool, LedgerError> {
    let name = new.name.as_deref();
    if let Some(name) = name
        && conversation_by_name(connection, account, name)?.is_some()
    {
        return Ok(false);
    }
    insert_conversation(connection, account, new, at_ms)?;
    Ok(true)
}

/// The session of that name, which is made with `id_if_new` where there is none.
pub(super) fn named_session(
    connection: &Connection,
    account: AccountId,
    name: &str,
    id_if_new: ConversationId,
    at_ms: i64,
) -> rusqlite::Result<SessionRow> {
    let found = connection
        .prepare_cached("SELECT id FROM sessions WHERE account = ?1 AND name = ?2")?
        .query_row(params![account.column(), name], |row| Ok(SessionRow(row.get(0)?)))
        .optional()?;
    match found {
        Some(session) => Ok(session),
        None => {
            let new = NewConversation {
                id: id_if_new,
                name: Some(name.to_owned()),
                metadata: "{}".to_owned(),
                items: Vec::new(),
            };
            insert_conversation(connection, account, &new, at_ms)
        }
    }
}

fn insert_conversation(
    connection: &Connection,
    account: AccountId,
    new: &NewConversation,
    at_ms: i64,
) -> rusqlite::Result<SessionRow> {
    let name = new.name.as_deref();
    let sql =
        "INSERT INTO sessions (account, kind, conversation, name, metadata, created_at_ms, used_at_ms, bytes)
               VALUES (?1, 'conversation', ?2, ?3, ?4, ?5, ?5, 0)";
    connection.prepare_cached(sql)?.execute(params![
        account.column(),
        new.id.column(),
        name,
        new.metadata,
        at_ms
    ])?;
    let session = SessionRow(connection.last_insert_rowid());
    let part = Part { account, turn: None, conversation: Some(session), output: false };
    let bytes =
        row_bytes(&[name.unwrap_or_default(), &new.metadata]) + insert_items(connection, &part, &new.items)?;
    use_session(connection, account, session, bytes, at_ms)?;
    Ok(session)
}

/// Replaces the metadata of a conversation.
pub(crate) fn update_conversation(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
    metadata: &str,
    at_ms: i64,
) -> Result<bool, LedgerError> {
    let Some(session) = find_conversation(connection, account, id)? else { return Ok(false) };
    let before: i64 = connection
        .prepare_cached("SELECT octet_length(metadata) FROM sessions WHERE id = ?1")?
        .query_row([session.0], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE sessions SET metadata = ?1 WHERE id = ?2")?
        .execute(params![metadata, session.0])?;
    use_session(connection, account, session, metadata.len() as u64, at_ms)?;
    grow(connection, account, session, -before)?;
    Ok(true)
}

/// Deletes a conversation. Its responses stay with their items, as far as they have any; the rest goes later.
pub(crate) fn delete_conversation(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
) -> Result<bool, LedgerError> {
    let Some(session) = find_conversation(connection, account, id)? else { return Ok(false) };
    if !has_turns(connection, session)? {
        doom(connection, session)?;
        return Ok(true);
    }
    let own: i64 = connection
        .prepare_cached(
            "SELECT ?2 + coalesce(octet_length(name), 0) + octet_length(metadata) FROM sessions WHERE id = ?1",
        )?
        .query_row([session.0, count(ROW_BYTES)], |row| row.get(0))?;
    connection
        .prepare_cached(
            "UPDATE sessions SET kind = 'remains', conversation = NULL, name = NULL, metadata = NULL WHERE id = ?1",
        )?
        .execute([session.0])?;
    grow(connection, account, session, -own)?;
    Ok(true)
}

/// Adds items to the end of a conversation.
pub(crate) fn add_items(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
    items: &[Item],
    at_ms: i64,
) -> Result<bool, LedgerError> {
    let Some(session) = find_conversation(connection, account, id)? else { return Ok(false) };
    let part = Part { account, turn: None, conversation: Some(session), output: false };
    let bytes = insert_items(connection, &part, items)?;
    use_session(connection, account, session, bytes, at_ms)?;
    Ok(true)
}

/// Takes an item and its copies out of a conversation. Those that are part of a response stay there.
pub(crate) fn delete_item(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
    item: &str,
) -> Result<bool, LedgerError> {
    let Some(session) = find_conversation(connection, account, id)? else { return Ok(false) };
    let sql = "SELECT seq, turn IS NULL AS loose, ?4 + octet_length(id) + octet_length(body) AS bytes
               FROM items INDEXED BY items_by_id WHERE account = ?1 AND id = ?2 AND conversation = ?3 LIMIT ?5";
    let copies: Vec<(i64, bool, i64)> = connection
        .prepare_cached(sql)?
        .query_map(params![account.column(), item, session.0, count(ROW_BYTES), COPIES_MAX], |row| {
            Ok((row.get("seq")?, row.get("loose")?, row.get("bytes")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut deleted = 0;
    for (seq, loose, bytes) in &copies {
        if *loose {
            connection.prepare_cached("DELETE FROM items WHERE seq = ?1")?.execute([seq])?;
            deleted += bytes;
        } else {
            let sql = "UPDATE items SET conversation = NULL WHERE seq = ?1";
            connection.prepare_cached(sql)?.execute([seq])?;
        }
    }
    grow(connection, account, session, -deleted)?;
    Ok(!copies.is_empty())
}
