//! What is counted: a small set of metrics whose labels are known at the start or bounded by the program, never what a
//! client wrote. Counting is done with atomics, by the ledger's writer, when a call is closed.

mod codes;
mod exposition;
mod histogram;
mod provider;
mod scrape;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Outcome;

pub use scrape::{Listing, Scrape};

use super::ClosedCall;
use codes::Codes;
use histogram::Histogram;
use provider::ProviderMetrics;

/// All counts since the start. Gauges are brought by whoever asks ([`Scrape`]).
#[derive(Debug)]
pub struct Metrics {
    started_at_ms: i64,
    /// Those of the configuration, and last the calls that reached none.
    providers: Vec<ProviderMetrics>,
    attempts: AtomicU64,
    retries: AtomicU64,
    replays: AtomicU64,
    refusals: Codes,
    commits: Histogram,
    commit_settlements: Histogram,
    failed_commits: AtomicU64,
    lines_lost: AtomicU64,
    spans_sent: AtomicU64,
    spans_lost: AtomicU64,
    /// Settled calls that are not in the rollups yet; [`Metrics::LAG_UNKNOWN`] until somebody says.
    rollup_lag: AtomicU64,
}

impl Metrics {
    const LAG_UNKNOWN: u64 = u64::MAX;

    /// Nothing counted yet, of these providers, since `started_at_ms` in milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(providers: impl Iterator<Item = Arc<str>>, started_at_ms: i64) -> Metrics {
        let nobody = std::iter::once(Arc::from(provider::NOBODY));
        Metrics {
            started_at_ms,
            providers: providers.chain(nobody).map(ProviderMetrics::new).collect(),
            attempts: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            refusals: Codes::default(),
            commits: Histogram::new(&histogram::COMMIT_SECONDS),
            commit_settlements: Histogram::new(&histogram::BATCH),
            failed_commits: AtomicU64::new(0),
            lines_lost: AtomicU64::new(0),
            spans_sent: AtomicU64::new(0),
            spans_lost: AtomicU64::new(0),
            rollup_lag: AtomicU64::new(Metrics::LAG_UNKNOWN),
        }
    }

    /// Counts a closed call.
    pub(super) fn count(&self, call: &ClosedCall) {
        let receipt = &call.receipt;
        let attempts = u64::from(receipt.attempts);
        add(&self.attempts, attempts);
        add(&self.retries, attempts.saturating_sub(1));
        if receipt.outcome == Outcome::Refused {
            self.refused(receipt.error_code.as_deref());
        }
        let name = receipt.provider.as_deref().unwrap_or(provider::NOBODY);
        let found = self.providers.iter().find(|provider| &*provider.name == name);
        if let Some(provider) = found.or(self.providers.last()) {
            provider.count(call);
        }
    }

    /// Counts a refusal. Calls that have a receipt are counted with it; the others are those whose key is not known,
    /// and those for which there was no place.
    pub fn refused(&self, code: Option<&str>) {
        self.refusals.count(code.unwrap_or("none"));
    }

    /// Counts an answer that was given again for its idempotency key.
    pub fn replayed(&self) {
        add(&self.replays, 1);
    }

    /// Counts a commit of `settlements` calls, which took that long.
    pub(crate) fn committed(&self, settlements: usize, took: Duration) {
        self.commits.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.commit_settlements.observe(settlements as u64);
    }

    /// Counts a commit that failed and is tried again.
    pub(crate) fn commit_failed(&self) {
        add(&self.failed_commits, 1);
    }

    /// Says how many settled calls the rollups have not taken in yet.
    pub fn set_rollup_lag(&self, calls: u64) {
        self.rollup_lag.store(calls, Ordering::Relaxed);
    }

    /// Counts a call whose line or span found no place in the queue.
    pub(super) fn lost(&self, line: bool, span: bool) {
        add(&self.lines_lost, u64::from(line));
        add(&self.spans_lost, u64::from(span));
    }

    /// Counts calls whose spans reached the collector.
    pub(super) fn spans_sent(&self, calls: usize) {
        add(&self.spans_sent, calls as u64);
    }

    /// Counts calls whose spans did not.
    pub(super) fn spans_lost(&self, calls: usize) {
        add(&self.spans_lost, calls as u64);
    }
}

#[cfg(test)]
impl Metrics {
    pub(super) fn spans_lost_count(&self) -> u64 {
        read(&self.spans_lost)
    }

    pub(super) fn refusals_count(&self, code: &str) -> u64 {
        self.refusals.iter().find(|(known, _)| *known == code).map_or(0, |(_, count)| count)
    }
}

/// Adds to a counter that nothing is ordered by.
fn add(counter: &AtomicU64, amount: u64) {
    if amount > 0 {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
