//! The rows of rollups: how they are read, and how they are replaced.

use std::collections::BTreeMap;

use domain::{Histogram, Money, Usage};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, ToSql, TransactionBehavior, params};

use super::rollup::{Rolled, Rollup, Slot};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::columns::{count, read_count, read_money};
use crate::ledger::usage::{Sums, saturating_add};

/// What one key ever used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(super) refused: u64,
    pub(super) requests: u64,
    pub(super) tokens: u64,
    pub(super) charge: Money,
}

impl Total {
    /// What this row of a rollup adds to its key.
    pub(super) fn of(outcome: &str, sums: &Sums) -> Total {
        let refused = if outcome == "refused" { sums.requests } else { 0 };
        Total { refused, requests: sums.requests - refused, tokens: sums.usage.total(), charge: sums.charge }
    }

    pub(super) fn add(&mut self, other: &Total) {
        self.refused = self.refused.saturating_add(other.refused);
        self.requests = self.requests.saturating_add(other.requests);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.charge = saturating_add(self.charge, other.charge);
    }
}

/// Account and key.
pub(super) type KeyOf = ([u8; 16], [u8; 16]);

/// Rows as they are to be. `None` are not to be there.
#[derive(Debug)]
pub(crate) struct Change {
    /// The watermark that it was computed from. With another one it is void.
    pub(super) from_seq: i64,
    /// The watermark after it.
    pub(super) to_seq: i64,
    pub(super) rows: BTreeMap<Slot, Option<Rolled>>,
    pub(super) totals: BTreeMap<KeyOf, Option<Total>>,
}

/// Stores the rows and the watermark in one transaction; `false` when they are void.
pub(crate) fn store(connection: &mut Connection, change: &Change) -> Result<bool, LedgerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let moved = transaction
        .prepare_cached("UPDATE usage_state SET rolled_seq = ?1 WHERE rolled_seq = ?2")?
        .execute([change.to_seq, change.from_seq])?;
    if moved == 0 {
        return Ok(false);
    }
    for (slot, rolled) in &change.rows {
        store_row(&transaction, slot, rolled.as_ref())?;
    }
    for ((account, key), total) in &change.totals {
        let Some(total) = total else {
            let sql = "DELETE FROM usage_totals WHERE account = ?1 AND key = ?2";
            transaction.prepare_cached(sql)?.execute([account, key])?;
            continue;
        };
        let sql =
            "INSERT OR REPLACE INTO usage_totals (account, key, refused, requests, tokens, charge_nanos)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (refused, requests, tokens) = (count(total.refused), count(total.requests), count(total.tokens));
        transaction.prepare_cached(sql)?.execute(params![
            account,
            key,
            refused,
            requests,
            tokens,
            total.charge.nanos()
        ])?;
    }
    transaction.commit()?;
    Ok(true)
}

fn store_row(connection: &Connection, slot: &Slot, rolled: Option<&Rolled>) -> rusqlite::Result<()> {
    let table = slot.rollup.table();
    let Some(Rolled { first_seq, last_seq, sums }) = rolled else {
        let sql = format!("DELETE FROM {table} WHERE {SLOT}");
        connection.prepare_cached(&sql)?.execute(name_of(slot))?;
        return Ok(());
    };
    let sql = format!(
        "INSERT OR REPLACE INTO {table} (account, bucket, key, model, provider, outcome, status, first_seq, last_seq,
             requests, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, charge_nanos,
             uncollected_nanos, first_token, speed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        slot.account,
        slot.bucket,
        slot.key,
        slot.model,
        slot.provider,
        slot.outcome,
        slot.status,
        first_seq,
        last_seq,
        count(sums.requests),
        count(sums.usage.input),
        count(sums.usage.cached_input),
        count(sums.usage.output),
        count(sums.usage.reasoning),
        sums.charge.nanos(),
        sums.uncollected.nanos(),
        sums.first_token.to_bytes(),
        sums.speed.to_bytes(),
    ])?;
    Ok(())
}

/// Names one row, by what [`name_of`] gives.
const SLOT: &str =
    "account = ?1 AND bucket = ?2 AND key = ?3 AND model = ?4 AND provider = ?5 AND outcome = ?6
    AND status = ?7";

fn name_of(slot: &Slot) -> [&dyn ToSql; 7] {
    let Slot { account, bucket, key, model, provider, outcome, status, .. } = slot;
    [account, bucket, key, model, provider, outcome, status]
}

/// The row of that slot as it is stored.
pub(super) fn stored_row(connection: &Connection, slot: &Slot) -> rusqlite::Result<Option<Rolled>> {
    let sql = format!("SELECT * FROM {} WHERE {SLOT}", slot.rollup.table());
    connection.prepare_cached(&sql)?.query_row(name_of(slot), read_rolled).optional()
}

/// The total of that key as it is stored.
pub(super) fn stored_total(
    connection: &Connection,
    (account, key): KeyOf,
) -> rusqlite::Result<Option<Total>> {
    connection
        .prepare_cached("SELECT * FROM usage_totals WHERE account = ?1 AND key = ?2")?
        .query_row([account, key], read_total)
        .optional()
}

pub(super) fn read_total(row: &Row<'_>) -> rusqlite::Result<Total> {
    Ok(Total {
        refused: read_count(row, "refused")?,
        requests: read_count(row, "requests")?,
        tokens: read_count(row, "tokens")?,
        charge: read_money(row, "charge_nanos")?,
    })
}

pub(super) fn read_slot(rollup: Rollup, row: &Row<'_>) -> rusqlite::Result<Slot> {
    Ok(Slot {
        rollup,
        account: row.get("account")?,
        bucket: row.get("bucket")?,
        key: row.get("key")?,
        model: row.get("model")?,
        provider: row.get("provider")?,
        outcome: row.get("outcome")?,
        status: row.get("status")?,
    })
}

pub(super) fn read_rolled(row: &Row<'_>) -> rusqlite::Result<Rolled> {
    let requests = read_count(row, "requests")?;
    let failed = is_error(row.get_ref("outcome")?.as_str()?);
    Ok(Rolled {
        first_seq: row.get("first_seq")?,
        last_seq: row.get("last_seq")?,
        sums: Sums {
            requests,
            errors: if failed { requests } else { 0 },
            usage: read_usage(row)?,
            charge: read_money(row, "charge_nanos")?,
            uncollected: read_money(row, "uncollected_nanos")?,
            first_token: read_histogram(row, "first_token")?,
            speed: read_histogram(row, "speed")?,
        },
    })
}

/// The tokens of a receipt or of a row.
pub(super) fn read_usage(row: &Row<'_>) -> rusqlite::Result<Usage> {
    Ok(Usage {
        input: read_count(row, "input_tokens")?,
        cached_input: read_count(row, "cached_input_tokens")?,
        output: read_count(row, "output_tokens")?,
        reasoning: read_count(row, "reasoning_tokens")?,
    })
}

/// Whether a call with this outcome neither was answered whole nor was ended by its client.
pub(super) fn is_error(outcome: &str) -> bool {
    outcome != "complete" && outcome != "client_gone"
}

fn read_histogram(row: &Row<'_>, name: &str) -> rusqlite::Result<Histogram> {
    Histogram::from_bytes(row.get_ref(name)?.as_blob()?).ok_or_else(|| {
        let index = row.as_ref().column_index(name).unwrap_or_default();
        Error::FromSqlConversionFailure(index, Type::Blob, "not a histogram".into())
    })
}
