//! The audit: reads a database, also one that a gateway serves from, and recomputes every balance from its history.

mod invariants;

use std::path::Path;

use domain::Money;
use rusqlite::{Connection, OpenFlags};
use serde::{Serialize, Serializer};

use invariants::INVARIANTS;

use super::OpenError;
use super::sqlite::{VERSION, connect, refusal, version};

/// How many cases of one violation are listed. One is enough to act on.
const CASES_MAX: usize = 10;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Whether everything holds.
    pub ok: bool,
    /// Accounts in the database.
    pub accounts: u64,
    /// Calls that have a receipt: those that are not older than what is kept.
    pub calls: u64,
    /// All that was granted, over all accounts.
    #[serde(serialize_with = "decimal")]
    pub granted: Money,
    /// All that is available: granted less spent.
    #[serde(serialize_with = "decimal")]
    pub available: Money,
    /// What is held. Always nothing: holds live in memory.
    #[serde(serialize_with = "decimal")]
    pub held: Money,
    /// All that was spent.
    #[serde(serialize_with = "decimal")]
    pub spent: Money,
    /// What does not hold, each with the rows concerned.
    pub violations: Vec<String>,
}

/// Audits the database at `path` without writing to it, as it is at one moment.
///
/// An error means that it could not be read as a ledger; what contradicts itself is in the report.
pub fn audit(path: &Path) -> Result<AuditReport, OpenError> {
    let failed = |source| refusal(path, source);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    // One transaction, so that all questions see the same moment while a gateway goes on writing.
    connection.execute_batch("BEGIN").map_err(failed)?;
    match version(path, &connection)? {
        None => return Err(OpenError::Damaged { path: path.to_owned(), what: "it is empty".to_owned() }),
        Some(found) if found < VERSION => {
            return Err(OpenError::Older { path: path.to_owned(), found, known: VERSION });
        }
        Some(_) => {}
    }
    let mut violations = integrity(&connection);
    for (statement, sql) in INVARIANTS {
        match cases(&connection, sql) {
            Ok(cases) if cases.is_empty() => {}
            Ok(cases) => violations.push(format!("{statement}: {}", cases.join(", "))),
            Err(error) => violations.push(format!("{statement}: not computable: {error}")),
        }
    }
    let mut report = totals(&connection).map_err(failed)?;
    report.ok = violations.is_empty();
    report.violations = violations;
    Ok(report)
}

/// What SQLite itself finds: damaged pages, indexes that miss rows, values that break a constraint.
fn integrity(connection: &Connection) -> Vec<String> {
    match cases(connection, "PRAGMA integrity_check(10)") {
        Ok(found) => found.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![format!("the database is not readable: {error}")],
    }
}

fn cases(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.take(CASES_MAX).collect()
}

fn totals(connection: &Connection) -> rusqlite::Result<AuditReport> {
    let calls = connection.query_row("SELECT count(*) FROM receipts", [], |row| row.get::<_, i64>(0))?;
    // Summed here, because the sum over all accounts may be larger than a column. What is no amount is a violation,
    // and counts as nothing.
    let mut statement =
        connection.prepare("SELECT CAST(granted_nanos AS INT), CAST(spent_nanos AS INT) FROM accounts")?;
    let mut rows = statement.query([])?;
    let (mut accounts, mut granted, mut spent) = (0, 0, 0);
    while let Some(row) = rows.next()? {
        accounts += 1;
        granted += u128::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        spent += u128::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
    }
    Ok(AuditReport {
        ok: false,
        accounts,
        calls: calls.unsigned_abs(),
        granted: Money::saturating_from(granted),
        available: Money::saturating_from(granted.saturating_sub(spent)),
        held: Money::ZERO,
        spent: Money::saturating_from(spent),
        violations: Vec::new(),
    })
}

fn decimal<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
