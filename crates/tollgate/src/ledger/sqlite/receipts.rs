//! Receipts in SQLite: the writer's insert, and the reader's connection.

use std::path::Path;
use std::sync::Arc;

use domain::receipt::DIALECTS;
use domain::{AccountId, BillingRule, CallId, Money, Outcome, Rate, Receipt, Settled, Usage, UsageSource};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Statement, params};

use super::columns::{
    ColumnId, count, read_count, read_money, read_optional_count, read_optional_money, read_price, read_word,
};
use super::{answers, connect, refusal};
use crate::ledger::answers::{KeptAnswer, Place};
use crate::ledger::receipt::StoredReceipt;
use crate::ledger::store::{Booked, Settlement, UsageStore};
use crate::ledger::{LedgerError, OpenError};

/// Inserts a receipt, or does nothing when the call has one.
pub(super) const INSERT: &str = "INSERT INTO receipts (
    account, call, key, started_at_ms, settled_at_ms, dialect, stream, model_asked, model_served, provider,
    inference_provider, route_reason, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
    usage_source, usage_suspect, input_rate_nanos, output_rate_nanos, cached_rate_nanos, cost_nanos, hold_nanos,
    charge_nanos, uncollected_nanos, outcome, rule, status, error_code, first_token_us, total_us, attempts,
    finish_reason, upstream_id, session, label
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
    ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36
) ON CONFLICT (call) DO NOTHING";

/// Binds a receipt to [`INSERT`]; `false` when the call has one already.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    settlement: &Settlement,
    settled: Settled,
    at_ms: i64,
) -> rusqlite::Result<bool> {
    let receipt = &settlement.receipt;
    let rate = |rate: Option<Rate>| rate.map(|rate| count(rate.nanos()));
    let inserted = statement.execute(params![
        receipt.account.column(),
        receipt.call.column(),
        receipt.key.column(),
        receipt.started_at_ms,
        at_ms,
        receipt.dialect,
        receipt.stream,
        receipt.model_asked,
        receipt.model_served,
        receipt.provider,
        receipt.inference_provider,
        receipt.route_reason,
        count(receipt.usage.input),
        count(receipt.usage.cached_input),
        count(receipt.usage.output),
        count(receipt.usage.reasoning),
        receipt.usage_source.as_str(),
        receipt.usage_suspect,
        rate(receipt.price.map(|price| price.input)),
        rate(receipt.price.map(|price| price.output)),
        rate(receipt.price.and_then(|price| price.cached_input)),
        receipt.cost.map(Money::nanos),
        settlement.hold.nanos(),
        settled.charge.nanos(),
        settled.uncollected.nanos(),
        receipt.outcome.as_str(),
        receipt.rule.as_str(),
        receipt.status,
        receipt.error_code,
        receipt.first_token_us.map(count),
        count(receipt.total_us),
        receipt.attempts,
        receipt.finish_reason,
        receipt.upstream_id,
        receipt.session,
        receipt.label
    ])?;
    Ok(inserted == 1)
}

/// What the receipt of a settled call came to.
pub(super) fn booked(connection: &Connection, account: AccountId, call: CallId) -> rusqlite::Result<Booked> {
    let sql = "SELECT charge_nanos, uncollected_nanos, input_tokens, output_tokens, settled_at_ms
               FROM receipts WHERE account = ?1 AND call = ?2";
    connection.prepare_cached(sql)?.query_row([account.column(), call.column()], |row| {
        let charge = read_money(row, "charge_nanos")?;
        let settled = Settled { charge, uncollected: read_money(row, "uncollected_nanos")? };
        let tokens = read_count(row, "input_tokens")?.saturating_add(read_count(row, "output_tokens")?);
        Ok(Booked {
            settled,
            tokens,
            at_ms: row.get("settled_at_ms")?,
            repeated: true,
            kept: false,
            session_bytes: None,
        })
    })
}

/// A connection that only reads.
pub(crate) struct SqliteReceipts {
    connection: Connection,
}

impl SqliteReceipts {
    /// Opens the database at `path`, which its owner has opened before.
    pub(crate) fn open(path: &Path) -> Result<SqliteReceipts, OpenError> {
        let connection =
            connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|source| refusal(path, source))?;
        Ok(SqliteReceipts { connection })
    }
}

impl UsageStore for SqliteReceipts {
    fn receipt(&mut self, call: CallId) -> Result<Option<StoredReceipt>, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT * FROM receipts WHERE call = ?1")?;
        Ok(statement.query_row([call.column()], stored_receipt).optional()?)
    }

    fn answer(&mut self, place: &Place) -> Result<Option<KeptAnswer>, LedgerError> {
        Ok(answers::find(&self.connection, place)?)
    }
}

pub(super) fn stored_receipt(row: &Row<'_>) -> rusqlite::Result<StoredReceipt> {
    let provider: Option<String> = row.get("provider")?;
    let receipt = Receipt {
        call: ColumnId::read(row, "call")?,
        account: ColumnId::read(row, "account")?,
        key: ColumnId::read(row, "key")?,
        started_at_ms: row.get("started_at_ms")?,
        dialect: read_word(row, "dialect", |text| DIALECTS.into_iter().find(|dialect| *dialect == text))?,
        stream: row.get("stream")?,
        model_asked: row.get("model_asked")?,
        model_served: row.get("model_served")?,
        provider: provider.map(Arc::from),
        inference_provider: row.get("inference_provider")?,
        route_reason: row.get("route_reason")?,
        usage: Usage {
            input: read_count(row, "input_tokens")?,
            cached_input: read_count(row, "cached_input_tokens")?,
            output: read_count(row, "output_tokens")?,
            reasoning: read_count(row, "reasoning_tokens")?,
        },
        usage_source: read_word(row, "usage_source", UsageSource::parse)?,
        usage_suspect: row.get("usage_suspect")?,
        price: read_price(row)?,
        cost: read_optional_money(row, "cost_nanos")?,
        outcome: read_word(row, "outcome", Outcome::parse)?,
        rule: read_word(row, "rule", BillingRule::parse)?,
        status: row.get("status")?,
        error_code: row.get("error_code")?,
        first_token_us: read_optional_count(row, "first_token_us")?,
        total_us: read_count(row, "total_us")?,
        attempts: row.get("attempts")?,
        finish_reason: row.get("finish_reason")?,
        upstream_id: row.get("upstream_id")?,
        session: row.get("session")?,
        label: row.get("label")?,
    };
    Ok(StoredReceipt {
        receipt,
        hold: read_money(row, "hold_nanos")?,
        charge: read_money(row, "charge_nanos")?,
        uncollected: read_money(row, "uncollected_nanos")?,
        settled_at_ms: row.get("settled_at_ms")?,
    })
}
