//! Folds receipts beyond the watermark into rows of rollups.

use std::collections::BTreeMap;

use domain::receipt::output_milli_tokens_per_second;
use domain::{Histogram, Money};
use rusqlite::{Connection, Row};

use super::State;
use super::rollup::{Rolled, Rollup, Rows, Slot, bucket};
use super::rows::{Change, KeyOf, Total, is_error, read_usage, stored_row, stored_total};
use crate::ledger::sqlite::columns::{read_count, read_money, read_optional_count};
use crate::ledger::usage::{Interval, Sums};

/// How much one change may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    receipts: i64,
    /// Rows of the hours of keys. Of days, of months and of totals there are at most as many each, and of wide rows
    /// hardly any where there are many keys.
    hours: usize,
}

/// Beside calls: the writer stores such a change in as long as it settles one batch of calls.
pub(crate) const IN_BACKGROUND: Size = Size { receipts: 10_000, hours: 192 };

/// While nobody waits: some tens of megabytes at a time.
pub(crate) const AT_ONCE: Size = Size { receipts: 100_000, hours: 20_000 };

/// How long the output of a call must have come for its speed to count. What comes sooner was sent in one piece, and
/// tells of the network alone: a hundred tokens in fifty microseconds would be two million a second.
const GENERATING_US_MIN: u64 = 5_000;

/// The columns that rollups are made of.
pub(super) const COLUMNS: &str = "seq, account, key, started_at_ms, model, coalesce(provider, '') AS provider, outcome,
    status, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, charge_nanos, uncollected_nanos,
    first_token_us, total_us";

/// The next step of the rollups; `None` when every receipt is in them.
pub(crate) fn next_fold(connection: &Connection, size: Size) -> rusqlite::Result<Option<Change>> {
    let State { rolled_seq, .. } = State::read(connection)?;
    let sql = format!("SELECT {COLUMNS} FROM receipts WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut receipts = statement.query([rolled_seq, size.receipts])?;
    let mut fold = Fold::default();
    let mut to_seq = rolled_seq;
    while let Some(receipt) = receipts.next()? {
        fold.add(receipt)?;
        to_seq = receipt.get("seq")?;
        if fold.hours.len() >= size.hours {
            break;
        }
    }
    if to_seq == rolled_seq {
        return Ok(None);
    }
    fold.onto_stored(connection, rolled_seq, to_seq).map(Some)
}

/// Rows of the hours of keys as they come together.
#[derive(Debug, Default)]
pub(super) struct Fold {
    hours: BTreeMap<Slot, Rolled>,
}

impl Fold {
    /// Adds a receipt, read by its [`COLUMNS`].
    pub(super) fn add(&mut self, receipt: &Row<'_>) -> rusqlite::Result<()> {
        let seq = receipt.get("seq")?;
        let empty = || Rolled { first_seq: seq, last_seq: seq, sums: Sums::default() };
        let rolled = self.hours.entry(hour_of(receipt)?).or_insert_with(empty);
        rolled.first_seq = rolled.first_seq.min(seq);
        rolled.last_seq = rolled.last_seq.max(seq);
        add_receipt(&mut rolled.sums, receipt)
    }

    /// The hours of keys.
    pub(super) fn rows(self) -> Rows {
        Rows(self.hours)
    }

    /// The whole rows of every level, and the totals of keys: what was folded, added to what is stored.
    fn onto_stored(self, connection: &Connection, from_seq: i64, to_seq: i64) -> rusqlite::Result<Change> {
        let (mut totals, mut rows) = (BTreeMap::<KeyOf, Total>::new(), BTreeMap::new());
        for (slot, rolled) in &self.hours {
            let total = totals.entry((slot.account, slot.key)).or_default();
            total.add(&Total::of(&slot.outcome, &rolled.sums));
        }
        for (slot, mut rolled) in self.rows().and_longer(&[Interval::Day, Interval::Month]).and_wide().0 {
            if let Some(stored) = stored_row(connection, &slot)? {
                rolled.add(&stored);
            }
            rows.insert(slot, Some(rolled));
        }
        let totals = totals.into_iter().map(|(key, mut total)| {
            if let Some(stored) = stored_total(connection, key)? {
                total.add(&stored);
            }
            Ok((key, Some(total)))
        });
        Ok(Change { from_seq, to_seq, rows, totals: totals.collect::<rusqlite::Result<_>>()? })
    }
}

fn hour_of(receipt: &Row<'_>) -> rusqlite::Result<Slot> {
    Ok(Slot {
        rollup: Rollup::HOURS,
        account: receipt.get("account")?,
        bucket: bucket(Interval::Hour, receipt.get("started_at_ms")?),
        key: receipt.get("key")?,
        model: receipt.get("model")?,
        provider: receipt.get("provider")?,
        outcome: receipt.get("outcome")?,
        status: receipt.get("status")?,
    })
}

/// Adds a receipt, read by its [`COLUMNS`], to sums.
pub(super) fn add_receipt(sums: &mut Sums, receipt: &Row<'_>) -> rusqlite::Result<()> {
    let usage = read_usage(receipt)?;
    let first_token_us = read_optional_count(receipt, "first_token_us")?;
    let total_us = read_count(receipt, "total_us")?;
    let generating_us = total_us.saturating_sub(first_token_us.unwrap_or(0));
    // A call without output has no speed, rather than one of nothing.
    let speed = if usage.output == 0 || generating_us < GENERATING_US_MIN {
        None
    } else {
        output_milli_tokens_per_second(usage.output, first_token_us, total_us)
    };
    if let Some(first_token_us) = first_token_us {
        sums.first_token.record(first_token_us);
    }
    if let Some(speed) = speed {
        sums.speed.record(speed);
    }
    let charge: Money = read_money(receipt, "charge_nanos")?;
    let uncollected = read_money(receipt, "uncollected_nanos")?;
    let errors = u64::from(is_error(receipt.get_ref("outcome")?.as_str()?));
    sums.add_counts(&Sums {
        requests: 1,
        errors,
        usage,
        charge,
        uncollected,
        first_token: Histogram::new(),
        speed: Histogram::new(),
    });
    Ok(())
}
