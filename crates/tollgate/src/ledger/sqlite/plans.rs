//! Stored plans in SQLite.

use rusqlite::{Row, params};

use super::SqliteStore;
use crate::ledger::LedgerError;
use crate::ledger::store::{PlanRow, PlanStore};

impl PlanStore for SqliteStore {
    fn plans(&mut self) -> Result<Vec<PlanRow>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT name, body, updated_at_ms FROM plans")?;
        let rows = statement.query_map([], plan_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn save_plan(&mut self, row: &PlanRow) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO plans (name, body, updated_at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body, updated_at_ms = excluded.updated_at_ms",
            params![row.name, row.body, row.updated_at_ms],
        )?;
        Ok(())
    }

    fn delete_plan(&mut self, name: &str) -> Result<(), LedgerError> {
        self.connection.execute("DELETE FROM plans WHERE name = ?1", [name])?;
        Ok(())
    }
}

fn plan_row(row: &Row<'_>) -> rusqlite::Result<PlanRow> {
    Ok(PlanRow { name: row.get("name")?, body: row.get("body")?, updated_at_ms: row.get("updated_at_ms")? })
}
