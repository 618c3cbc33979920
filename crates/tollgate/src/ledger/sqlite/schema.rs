//! The schema's version, and what must hold before a database is served.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{refusal, sums};
use crate::ledger::OpenError;

/// The schema, step by step. A step is never changed once released.
const MIGRATIONS: [&str; 8] = [
    include_str!("../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../migrations/sqlite/0002_usage.sql"),
    include_str!("../../migrations/sqlite/0003_plans.sql"),
    include_str!("../../migrations/sqlite/0004_idempotency.sql"),
    include_str!("../../migrations/sqlite/0005_signup.sql"),
    include_str!("../../migrations/sqlite/0006_keys.sql"),
    include_str!("../../migrations/sqlite/0007_sessions.sql"),
    include_str!("../../migrations/sqlite/0008_usage_levels.sql"),
];

/// Marks a database as ours in its header: "TOLL".
pub(crate) const APPLICATION_ID: u32 = 0x544F_4C4C;

/// The version that this release writes.
pub(crate) const VERSION: u32 = 8;

/// Applies the steps that are missing, each in a transaction.
pub(super) fn bring_up_to_date(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let failed = |source| refusal(path, source);
    if version(path, connection)?.is_none() {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    sums::give_to(connection).map_err(failed)?;
    for (version, step) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        apply(connection, version, step).map_err(failed)?;
    }
    Ok(())
}

/// The version of a database of ours; `None` when it is empty. Others are refused.
pub(crate) fn version(path: &Path, connection: &Connection) -> Result<Option<u32>, OpenError> {
    let failed = |source| refusal(path, source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0)).map_err(failed);
    let objects: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    match (pragma("application_id")?, pragma("user_version")?, objects) {
        (0, 0, 0) => Ok(None),
        (APPLICATION_ID, found, _) if found > VERSION => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: VERSION })
        }
        (APPLICATION_ID, found, _) => Ok(Some(found)),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Checks the tables that balances and keys are loaded from. They are small. The history behind them grows without
/// bound, and is checked by the audit.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    for table in ["accounts", "grants", "keys", "settings", "plans", "invites", "usage_totals", "usage_state"]
    {
        let mut found = String::new();
        connection
            .pragma(None, "quick_check", table, |row| {
                found = row.get(0)?;
                Ok(())
            })
            .map_err(|source| refusal(path, source))?;
        if found != "ok" {
            return Err(OpenError::Damaged { path: path.to_owned(), what: found });
        }
    }
    Ok(())
}

fn apply(connection: &mut Connection, version: u32, step: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}
