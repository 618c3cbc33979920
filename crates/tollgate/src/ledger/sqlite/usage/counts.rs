//! What every key has used in the current periods, for the meters at the start.

use std::collections::BTreeMap;

use domain::calendar::DAY_MS;
use domain::{AccountId, Count, KeyId, PerPeriod, Period};
use rusqlite::Connection;

use super::rollup::bucket;
use super::rows::{KeyOf, read_total, read_usage};
use crate::ledger::sqlite::columns::{read_count, read_money};
use crate::ledger::usage::{Interval, KeyCounts, saturating_add};

/// The counts of every key that was ever used, from the rollups alone: catch up first.
pub(crate) fn counts(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<KeyCounts>> {
    let mut counts: BTreeMap<KeyOf, PerPeriod<Count>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT * FROM usage_totals")?;
    let mut totals = statement.query([])?;
    while let Some(row) = totals.next()? {
        let total = read_total(row)?;
        let count = Count { requests: total.requests, tokens: total.tokens, spend: total.charge };
        counts.entry((row.get("account")?, row.get("key")?)).or_default()[Period::Total] = count;
    }
    // The week may have begun in the month before.
    let first_ms = Period::Month.start_of(now_ms).min(Period::Week.start_of(now_ms));
    let sql = "SELECT account, key, bucket, requests, input_tokens, cached_input_tokens, output_tokens,
                      reasoning_tokens, charge_nanos
               FROM accounts CROSS JOIN usage_days ON account = id AND bucket >= ?1 WHERE outcome <> 'refused'";
    let mut statement = connection.prepare(sql)?;
    let mut days = statement.query([bucket(Interval::Day, first_ms)])?;
    while let Some(day) = days.next()? {
        let start_ms = day.get::<_, i64>("bucket")?.saturating_mul(DAY_MS);
        let of_key = counts.entry((day.get("account")?, day.get("key")?)).or_default();
        for period in [Period::Day, Period::Week, Period::Month] {
            if period.start_of(start_ms) == period.start_of(now_ms) {
                let count = &mut of_key[period];
                count.requests = count.requests.saturating_add(read_count(day, "requests")?);
                count.tokens = count.tokens.saturating_add(read_usage(day)?.total());
                count.spend = saturating_add(count.spend, read_money(day, "charge_nanos")?);
            }
        }
    }
    let id = u128::from_be_bytes;
    let of = |((account, key), counts)| KeyCounts {
        account: AccountId::from_bits(id(account)),
        key: KeyId::from_bits(id(key)),
        counts,
    };
    Ok(counts.into_iter().map(of).collect())
}
