//! Sessions in SQLite.
//!
//! Whatever is asked for is first found by its account; from there on rows are known by their numbers. What is deleted as
//! a whole loses its account, and with it everybody who could find it. Its rows go later, a few at a time.

mod conversations;
mod history;
mod lists;
mod retire;
mod turns;

use domain::{AccountId, CallId, ConversationId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use conversations::named_session;
pub(crate) use conversations::{
    add_items, create_conversation, delete_conversation, delete_item, update_conversation,
};
pub(crate) use history::recent;
pub(crate) use lists::{conversation_item, conversation_items, input_items, item, output_items};
pub(crate) use retire::{clear, has_remains, oldest_use, retire};
pub(super) use turns::settle_turn;
pub(crate) use turns::{advance_turn, delete_turn, open_turn};

use super::columns::{ColumnId, count, read_count, read_word};
use crate::ledger::LedgerError;
use crate::ledger::sessions::{Conversation, Item, ROW_BYTES, SessionBytes, StoredTurn, TurnStatus};

/// What a store in memory answers.
pub(crate) const NOT_KEPT: LedgerError = LedgerError::Invalid("this store keeps no sessions");

/// The number of a row of `sessions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionRow(i64);

/// The number of a row of `turns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TurnRow(i64);

/// Takes up the sessions at a start: turns that were open when the process ended have failed. Says what the sessions of
/// each account take.
pub(crate) fn take_up(connection: &Connection) -> rusqlite::Result<SessionBytes> {
    let sql = "UPDATE turns SET status = ?1 WHERE status = 'queued' OR status = 'in_progress'";
    connection.execute(sql, [TurnStatus::Failed.as_str()])?;
    let mut statement =
        connection.prepare("SELECT id, session_bytes FROM accounts WHERE session_bytes <> 0")?;
    let rows =
        statement.query_map([], |row| Ok((ColumnId::read(row, "id")?, read_count(row, "session_bytes")?)))?;
    Ok(SessionBytes::open(rows.collect::<rusqlite::Result<_>>()?))
}

/// What the sessions of an account take, in bytes.
pub(crate) fn account_bytes(connection: &Connection, account: AccountId) -> rusqlite::Result<u64> {
    let sql = "SELECT session_bytes FROM accounts WHERE id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([account.column()], |row| read_count(row, "session_bytes"))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// The stored response of a call.
pub(crate) fn turn(
    connection: &Connection,
    account: AccountId,
    call: CallId,
) -> rusqlite::Result<Option<StoredTurn>> {
    let sql = "SELECT t.call, t.created_at_ms, t.parent, t.status, t.background, t.head,
                      iif(t.joined, s.conversation, NULL) AS conversation
               FROM turns AS t JOIN sessions AS s ON s.id = t.session
               WHERE t.call = ?1 AND s.account = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([call.column(), account.column()], stored_turn).optional()
}

/// A conversation.
pub(crate) fn conversation(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
) -> rusqlite::Result<Option<Conversation>> {
    let sql = "SELECT conversation, name, metadata, created_at_ms FROM sessions
               WHERE conversation = ?1 AND account = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([id.column(), account.column()], stored_conversation).optional()
}

/// The conversation of that name.
pub(crate) fn conversation_by_name(
    connection: &Connection,
    account: AccountId,
    name: &str,
) -> rusqlite::Result<Option<Conversation>> {
    let sql =
        "SELECT conversation, name, metadata, created_at_ms FROM sessions WHERE account = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![account.column(), name], stored_conversation).optional()
}

/// The session of a conversation.
fn find_conversation(
    connection: &Connection,
    account: AccountId,
    id: ConversationId,
) -> rusqlite::Result<Option<SessionRow>> {
    connection
        .prepare_cached("SELECT id FROM sessions WHERE conversation = ?1 AND account = ?2")?
        .query_row([id.column(), account.column()], |row| Ok(SessionRow(row.get(0)?)))
        .optional()
}

/// Where a turn is.
#[derive(Clone, Copy, Debug)]
struct FoundTurn {
    row: TurnRow,
    session: SessionRow,
    /// Whether its session is a conversation that lives.
    in_conversation: bool,
    status: TurnStatus,
}

fn find_turn(
    connection: &Connection,
    account: AccountId,
    call: CallId,
) -> rusqlite::Result<Option<FoundTurn>> {
    let sql = "SELECT t.id, t.session, s.kind = 'conversation' AS in_conversation, t.status
               FROM turns AS t JOIN sessions AS s ON s.id = t.session
               WHERE t.call = ?1 AND s.account = ?2";
    connection
        .prepare_cached(sql)?
        .query_row([call.column(), account.column()], |row| {
            Ok(FoundTurn {
                row: TurnRow(row.get("id")?),
                session: SessionRow(row.get("session")?),
                in_conversation: row.get("in_conversation")?,
                status: read_word(row, "status", TurnStatus::parse)?,
            })
        })
        .optional()
}

/// Whose items are stored, and of what they are part.
struct Part {
    account: AccountId,
    turn: Option<TurnRow>,
    conversation: Option<SessionRow>,
    output: bool,
}

/// Stores items, and says what they take.
fn insert_items(connection: &Connection, part: &Part, items: &[Item]) -> rusqlite::Result<u64> {
    let sql =
        "INSERT INTO items (account, turn, conversation, output, id, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    let (turn, conversation) = (part.turn.map(|row| row.0), part.conversation.map(|row| row.0));
    let mut bytes = 0;
    for item in items {
        statement.execute(params![
            part.account.column(),
            turn,
            conversation,
            part.output,
            item.id,
            item.body
        ])?;
        bytes += row_bytes(&[&item.id, &item.body]);
    }
    Ok(bytes)
}

/// What a row with these texts counts for.
fn row_bytes(texts: &[&str]) -> u64 {
    texts.iter().fold(ROW_BYTES, |sum, text| sum + text.len() as u64)
}

/// Stores a new session, empty and without a turn.
fn insert_thread(connection: &Connection, account: AccountId, at_ms: i64) -> rusqlite::Result<SessionRow> {
    let sql = "INSERT INTO sessions (account, kind, created_at_ms, used_at_ms, bytes) VALUES (?1, 'thread', ?2, ?2, 0)";
    connection.prepare_cached(sql)?.execute(params![account.column(), at_ms])?;
    Ok(SessionRow(connection.last_insert_rowid()))
}

/// Counts what was added to a session, or with a minus what was deleted from it.
fn grow(
    connection: &Connection,
    account: AccountId,
    session: SessionRow,
    bytes: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE sessions SET bytes = bytes + ?1 WHERE id = ?2")?
        .execute([bytes, session.0])?;
    connection
        .prepare_cached("UPDATE accounts SET session_bytes = session_bytes + ?1 WHERE id = ?2")?
        .execute(params![bytes, account.column()])?;
    Ok(())
}

/// Counts what was added to a session, and that it was used.
fn use_session(
    connection: &Connection,
    account: AccountId,
    session: SessionRow,
    bytes: u64,
    at_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE sessions SET used_at_ms = max(used_at_ms, ?1) WHERE id = ?2")?
        .execute([at_ms, session.0])?;
    grow(connection, account, session, count(bytes))
}

/// Deletes a session as a whole: nobody finds it any more, and its bytes are free. Its rows go later.
fn doom(connection: &Connection, session: SessionRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE accounts SET session_bytes = session_bytes - s.bytes
             FROM (SELECT account, bytes FROM sessions WHERE id = ?1) AS s WHERE accounts.id = s.account",
        )?
        .execute([session.0])?;
    connection
        .prepare_cached(
            "UPDATE sessions SET account = NULL, kind = 'remains', conversation = NULL, name = NULL,
                                 metadata = NULL, bytes = 0
             WHERE id = ?1",
        )?
        .execute([session.0])?;
    Ok(())
}

fn has_turns(connection: &Connection, session: SessionRow) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM turns WHERE session = ?1)")?
        .query_row([session.0], |row| row.get(0))
}

fn stored_turn(row: &Row<'_>) -> rusqlite::Result<StoredTurn> {
    Ok(StoredTurn {
        call: ColumnId::read(row, "call")?,
        created_at_ms: row.get("created_at_ms")?,
        parent: read_optional_id(row, "parent")?.map(CallId::from_bits),
        conversation: read_optional_id(row, "conversation")?.map(ConversationId::from_bits),
        status: read_word(row, "status", TurnStatus::parse)?,
        background: row.get("background")?,
        head: row.get("head")?,
    })
}

fn stored_conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: ColumnId::read(row, "conversation")?,
        name: row.get("name")?,
        metadata: row.get("metadata")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}

fn stored_item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item { id: row.get("id")?, body: row.get("body")? })
}

fn read_optional_id(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<u128>> {
    let bytes: Option<[u8; 16]> = row.get(name)?;
    Ok(bytes.map(u128::from_be_bytes))
}
