//! The plans that the accounts of a database are on: reads it also while a gateway serves from it.

use std::path::Path;

use rusqlite::OpenFlags;

use super::OpenError;
use super::sqlite::{VERSION, connect, refusal, version};

/// The names of plans that accounts are on and that are not stored, each with the number of its accounts.
///
/// They are those of the configuration, what is built in, and what is missing. A database that is of an older version,
/// or empty, has none.
pub fn plans_not_stored(path: &Path) -> Result<Vec<(String, u32)>, OpenError> {
    let failed = |source| refusal(path, source);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    if version(path, &connection)?.is_none_or(|found| found < VERSION) {
        return Ok(Vec::new());
    }
    let sql = "SELECT plan, count(*) FROM accounts
               WHERE plan IS NOT NULL AND plan NOT IN (SELECT name FROM plans) GROUP BY plan ORDER BY plan";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}
