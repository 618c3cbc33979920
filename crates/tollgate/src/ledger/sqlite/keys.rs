//! Keys in SQLite.

use domain::KeyId;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::columns::ColumnId;
use crate::ledger::LedgerError;
use crate::ledger::store::{KeyRow, KeyStore};

impl KeyStore for SqliteStore {
    fn keys(&mut self) -> Result<Vec<KeyRow>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT id, account, name, prefix, digest, created_at_ms, revoked_at_ms FROM keys ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(KeyRow {
                id: ColumnId::read(row, "id")?,
                account: ColumnId::read(row, "account")?,
                name: row.get("name")?,
                prefix: row.get("prefix")?,
                digest: row.get("digest")?,
                created_at_ms: row.get("created_at_ms")?,
                revoked_at_ms: row.get("revoked_at_ms")?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn create_key(&mut self, row: &KeyRow) -> Result<(), LedgerError> {
        insert(&self.connection, row)
    }

    fn revoke_key(&mut self, key: KeyId, at_ms: i64) -> Result<(), LedgerError> {
        let changed = self.connection.execute(
            "UPDATE keys SET revoked_at_ms = coalesce(revoked_at_ms, ?1) WHERE id = ?2",
            params![at_ms, key.column()],
        )?;
        if changed == 1 { Ok(()) } else { Err(LedgerError::UnknownKey) }
    }
}

/// Writes a new key, within the caller's transaction.
pub(super) fn insert(connection: &Connection, row: &KeyRow) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO keys (id, account, name, prefix, digest, created_at_ms, revoked_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            row.id.column(),
            row.account.column(),
            row.name,
            row.prefix,
            row.digest,
            row.created_at_ms,
            row.revoked_at_ms
        ],
    )?;
    Ok(())
}
