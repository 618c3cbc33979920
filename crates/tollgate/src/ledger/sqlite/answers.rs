//! Kept answers in SQLite.

use bytes::Bytes;
use domain::CallId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::columns::ColumnId;
use crate::ledger::LedgerError;
use crate::ledger::answers::{AnswerEntry, KEPT_MS, KeptAnswer, Mark, NewAnswer, Place, Scope};
use crate::ledger::store::AnswerStore;

impl AnswerStore for SqliteStore {
    fn answers(&mut self) -> Result<Vec<AnswerEntry>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT scope, name, request, call, length(sealed) AS bytes, expires_at_ms FROM answers
             ORDER BY expires_at_ms",
        )?;
        let rows = statement.query_map([], entry)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn keep_answer(&mut self, answer: &NewAnswer, at_ms: i64) -> Result<(), LedgerError> {
        Ok(insert(&self.connection, answer, at_ms)?)
    }

    fn forget_answers(&mut self, now_ms: i64, limit: u32) -> Result<usize, LedgerError> {
        let sql = "DELETE FROM answers WHERE id IN (
            SELECT id FROM answers WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2)";
        Ok(self.connection.prepare_cached(sql)?.execute(params![now_ms, limit])?)
    }
}

/// Stores an answer in the place of one that has expired there.
pub(super) fn insert(connection: &Connection, answer: &NewAnswer, at_ms: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO answers
        (scope, name, request, call, status, content_type, sealed, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Mark { place, request } = &answer.mark;
    connection.prepare_cached(sql)?.execute(params![
        place.scope.bytes(),
        place.name,
        request,
        answer.call.map(ColumnId::column),
        answer.status,
        answer.content_type,
        answer.sealed.as_deref(),
        at_ms.saturating_add(KEPT_MS)
    ])?;
    Ok(())
}

/// Whether the answer that is kept in a place is that of this call.
pub(super) fn holds(connection: &Connection, place: &Place, call: CallId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM answers WHERE scope = ?1 AND name = ?2 AND call = ?3)";
    let values = params![place.scope.bytes(), place.name, call.column()];
    connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))
}

/// The answer that is kept in a place.
pub(super) fn find(connection: &Connection, place: &Place) -> rusqlite::Result<Option<KeptAnswer>> {
    let sql = "SELECT call, status, content_type, sealed FROM answers WHERE scope = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![place.scope.bytes(), place.name], |row| {
        let sealed: Option<Vec<u8>> = row.get("sealed")?;
        Ok(KeptAnswer {
            call: call(row)?,
            status: row.get("status")?,
            content_type: row.get("content_type")?,
            sealed: sealed.map(Bytes::from),
        })
    });
    found.optional()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AnswerEntry> {
    let place = Place { scope: Scope::from_bytes(row.get("scope")?), name: row.get("name")? };
    Ok(AnswerEntry {
        mark: Mark { place, request: row.get("request")? },
        call: call(row)?,
        bytes: row.get("bytes")?,
        expires_at_ms: row.get("expires_at_ms")?,
    })
}

fn call(row: &Row<'_>) -> rusqlite::Result<Option<CallId>> {
    let bytes: Option<[u8; 16]> = row.get("call")?;
    Ok(bytes.map(|bytes| CallId::from_bits(u128::from_be_bytes(bytes))))
}
