//! Sums that SQLite does not have, for the steps of the schema.

use domain::{Histogram, Money};
use rusqlite::Connection;
use rusqlite::Result;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};

use crate::ledger::usage::saturating_add;

/// Gives the connection `histogram_sum` and `amount_sum`.
pub(super) fn give_to(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    connection.create_aggregate_function("histogram_sum", 1, flags, HistogramSum)?;
    connection.create_aggregate_function("amount_sum", 1, flags, AmountSum)
}

/// Histograms, merged. One that cannot be read adds nothing: a rebuild mends what was made of it.
struct HistogramSum;

impl Aggregate<Histogram, Vec<u8>> for HistogramSum {
    fn init(&self, _: &mut Context<'_>) -> Result<Histogram> {
        Ok(Histogram::new())
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Histogram) -> Result<()> {
        if let Some(histogram) = context.get_raw(0).as_blob().ok().and_then(Histogram::from_bytes) {
            sum.merge(&histogram);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Histogram>) -> Result<Vec<u8>> {
        Ok(sum.unwrap_or_default().to_bytes())
    }
}

/// Nano-dollars that stay at the largest amount where SQLite's own sum would fail: what all accounts together paid may
/// be more than a column holds.
struct AmountSum;

impl Aggregate<Money, i64> for AmountSum {
    fn init(&self, _: &mut Context<'_>) -> Result<Money> {
        Ok(Money::ZERO)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Money) -> Result<()> {
        *sum = saturating_add(*sum, Money::from_nanos(context.get(0)?).unwrap_or(Money::ZERO));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Money>) -> Result<i64> {
        Ok(sum.unwrap_or_default().nanos())
    }
}
