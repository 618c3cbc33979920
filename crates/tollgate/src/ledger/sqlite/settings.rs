//! Settings and copies of catalogues in SQLite.

use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use crate::ledger::LedgerError;
use crate::ledger::store::{CatalogueCopy, SettingsStore};

impl SettingsStore for SqliteStore {
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let value = self
            .connection
            .query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
            .optional()?;
        Ok(value)
    }

    fn save_setting(&mut self, name: &str, value: &[u8]) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO settings (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name, value],
        )?;
        Ok(())
    }

    fn catalogue(&mut self, provider: &str) -> Result<Option<CatalogueCopy>, LedgerError> {
        let copy = self
            .connection
            .query_row("SELECT body, fetched_at_ms FROM catalogues WHERE provider = ?1", [provider], |row| {
                let body: Vec<u8> = row.get("body")?;
                Ok(CatalogueCopy { body: body.into(), fetched_at_ms: row.get("fetched_at_ms")? })
            })
            .optional()?;
        Ok(copy)
    }

    fn save_catalogue(&mut self, provider: &str, copy: &CatalogueCopy) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO catalogues (provider, body, fetched_at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (provider) DO UPDATE SET body = excluded.body, fetched_at_ms = excluded.fetched_at_ms",
            params![provider, copy.body.as_ref(), copy.fetched_at_ms],
        )?;
        Ok(())
    }
}
