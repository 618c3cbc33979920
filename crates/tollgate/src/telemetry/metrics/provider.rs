//! The counts of one provider's calls.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use domain::Outcome;

use super::histogram::{CALL_SECONDS, Histogram, TOKENS_PER_SECOND};
use super::{add, read};
use crate::telemetry::ClosedCall;
use domain::receipt::DIALECTS;

/// The label of calls that reached no provider. No provider can have it as its id.
pub(super) const NOBODY: &str = "(none)";

/// The kinds of tokens.
const KINDS: [&str; 4] = ["input", "cached_input", "output", "reasoning"];

/// The classes of statuses. The last one is what is no status.
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

const SERIES: usize = Outcome::ALL.len() * CLASSES.len() * DIALECTS.len();

/// The counts of one provider's calls.
#[derive(Debug)]
pub(super) struct ProviderMetrics {
    pub(super) name: Arc<str>,
    /// By outcome, class of the status and dialect.
    calls: [AtomicU64; SERIES],
    tokens: [AtomicU64; KINDS.len()],
    charged_nanos: AtomicU64,
    uncollected_nanos: AtomicU64,
    pub(super) first_token: Histogram,
    pub(super) duration: Histogram,
    pub(super) speed: Histogram,
}

impl ProviderMetrics {
    pub(super) fn new(name: Arc<str>) -> ProviderMetrics {
        ProviderMetrics {
            name,
            calls: std::array::from_fn(|_| AtomicU64::new(0)),
            tokens: std::array::from_fn(|_| AtomicU64::new(0)),
            charged_nanos: AtomicU64::new(0),
            uncollected_nanos: AtomicU64::new(0),
            first_token: Histogram::new(&CALL_SECONDS),
            duration: Histogram::new(&CALL_SECONDS),
            speed: Histogram::new(&TOKENS_PER_SECOND),
        }
    }

    pub(super) fn count(&self, call: &ClosedCall) {
        let receipt = &call.receipt;
        add(&self.calls[series(receipt.outcome, receipt.status, receipt.dialect)], 1);
        let usage = &receipt.usage;
        let tokens = [usage.input, usage.cached_input, usage.output, usage.reasoning];
        self.tokens.iter().zip(tokens).for_each(|(counter, tokens)| add(counter, tokens));
        add(&self.charged_nanos, call.charge.nanos().unsigned_abs());
        add(&self.uncollected_nanos, call.uncollected.nanos().unsigned_abs());
        self.duration.observe(receipt.total_us);
        if let Some(first_token_us) = receipt.first_token_us {
            self.first_token.observe(first_token_us);
        }
        if usage.output > 0
            && let Some(speed) = receipt.output_milli_tokens_per_second()
        {
            self.speed.observe(speed);
        }
    }

    /// The calls that there were, by outcome, class of the status and dialect.
    pub(super) fn calls(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        let labels = Outcome::ALL.iter().flat_map(|outcome| {
            CLASSES
                .iter()
                .flat_map(move |class| DIALECTS.iter().map(move |dialect| (outcome, class, dialect)))
        });
        let labels = labels.map(|(outcome, class, dialect)| [outcome.as_str(), class, dialect]);
        labels.zip(self.calls.iter().map(read)).filter(|(_, count)| *count > 0)
    }

    /// Tokens by kind.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.into_iter().zip(self.tokens.iter().map(read))
    }

    pub(super) fn charged_nanos(&self) -> u64 {
        read(&self.charged_nanos)
    }

    pub(super) fn uncollected_nanos(&self) -> u64 {
        read(&self.uncollected_nanos)
    }
}

fn series(outcome: Outcome, status: u16, dialect: &str) -> usize {
    let outcome = Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or(0);
    let class = match status {
        200..=299 => 0,
        300..=399 => 1,
        400..=499 => 2,
        500..=599 => 3,
        _ => 4,
    };
    let dialect = DIALECTS.iter().position(|known| *known == dialect).unwrap_or(0);
    (outcome * CLASSES.len() + class) * DIALECTS.len() + dialect
}
