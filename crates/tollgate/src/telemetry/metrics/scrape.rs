//! The answer to a scrape: the counts, and the gauges as their owners had them when it came.

use std::sync::Arc;

use super::exposition::{CONTENT_TYPE, Decimal, Exposition, Kind};
use super::histogram::Histogram;
use super::provider::ProviderMetrics;
use super::{Metrics, read};

/// All that is shown to Prometheus.
#[derive(Debug)]
pub struct Scrape {
    /// The counts.
    pub metrics: Arc<Metrics>,
    /// Calls that hold a place in the ledger's queue.
    pub calls_in_flight: usize,
    /// Such places that there are.
    pub calls_in_flight_max: usize,
    /// Open connections of clients.
    pub connections_open: usize,
    /// As many can be open.
    pub connections_open_max: usize,
    /// Whether settlements cannot be stored.
    pub ledger_failing: bool,
    /// The lists of the providers.
    pub listings: Vec<Listing>,
}

/// A provider's list of models.
#[derive(Debug)]
pub struct Listing {
    /// The provider's id.
    pub provider: Arc<str>,
    /// How many models it has.
    pub models: usize,
    /// When it was read, in milliseconds since the Unix epoch; `None` when it never was.
    pub read_at_ms: Option<i64>,
}

impl Scrape {
    /// The media type of [`Scrape::render`].
    pub const CONTENT_TYPE: &str = CONTENT_TYPE;

    /// The text of a scrape.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Exposition::default();
        self.calls(&mut out);
        self.times(&mut out);
        self.ledger(&mut out);
        self.catalogue(&mut out);
        self.telemetry(&mut out);
        self.process(&mut out);
        out.finish()
    }

    fn calls(&self, out: &mut Exposition) {
        let metrics = &self.metrics;
        out.family("tollgate_calls", Kind::Counter, "Calls that have a receipt.");
        for provider in &metrics.providers {
            for ([outcome, class, dialect], count) in provider.calls() {
                let labels = [
                    ("provider", &*provider.name),
                    ("outcome", outcome),
                    ("status_class", class),
                    ("dialect", dialect),
                ];
                out.sample("_total", &labels, count);
            }
        }
        let help =
            "Calls refused before they were sent, by error code. Those without a receipt are among them.";
        out.family("tollgate_refusals", Kind::Counter, help);
        for (code, count) in metrics.refusals.iter() {
            out.sample("_total", &[("code", code)], count);
        }
        out.counter("tollgate_attempts", "Tries at offers.", read(&metrics.attempts));
        out.counter("tollgate_retries", "Tries after the first of a call.", read(&metrics.retries));
        out.counter(
            "tollgate_replays",
            "Answers given again for their idempotency key.",
            read(&metrics.replays),
        );
        let help =
            "Tokens that were charged. Cached ones are part of the input, reasoning is part of the output.";
        out.family("tollgate_tokens", Kind::Counter, help);
        for provider in &metrics.providers {
            for (kind, count) in provider.tokens() {
                out.sample("_total", &[("provider", &provider.name), ("kind", kind)], count);
            }
        }
        let help = "Charged to accounts, in billionths of a US dollar.";
        self.by_provider(out, "tollgate_charged_nanodollars", help, ProviderMetrics::charged_nanos);
        let help = "Cost above the holds, which nobody pays, in billionths of a US dollar.";
        self.by_provider(out, "tollgate_uncollected_nanodollars", help, ProviderMetrics::uncollected_nanos);
    }

    fn by_provider(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &str,
        value: impl Fn(&ProviderMetrics) -> u64,
    ) {
        out.family(name, Kind::Counter, help);
        for provider in &self.metrics.providers {
            out.sample("_total", &[("provider", &provider.name)], value(provider));
        }
    }

    fn times(&self, out: &mut Exposition) {
        type Pick = fn(&ProviderMetrics) -> &Histogram;
        let histograms: [(&'static str, &str, Pick); 3] = [
            (
                "tollgate_time_to_first_token_seconds",
                "From acceptance to the first token of a stream.",
                |provider| &provider.first_token,
            ),
            ("tollgate_call_duration_seconds", "From acceptance to the end.", |provider| &provider.duration),
            (
                "tollgate_output_tokens_per_second",
                "Speed of answers: of streams from their first token on.",
                |provider| &provider.speed,
            ),
        ];
        for (name, help, pick) in histograms {
            out.family(name, Kind::Histogram, help);
            for provider in &self.metrics.providers {
                pick(provider).expose(out, &[("provider", &provider.name)]);
            }
        }
    }

    fn ledger(&self, out: &mut Exposition) {
        let help = "Calls that hold a place in the ledger's queue: from admission to settlement.";
        out.gauge("tollgate_calls_in_flight", help, self.calls_in_flight);
        out.gauge("tollgate_calls_in_flight_max", "Such places that there are.", self.calls_in_flight_max);
        out.gauge("tollgate_connections_open", "Open connections of clients.", self.connections_open);
        out.gauge("tollgate_connections_open_max", "As many can be open.", self.connections_open_max);
        let help = "Whether settlements cannot be stored. Then nothing is admitted.";
        out.gauge("tollgate_ledger_failing", help, u8::from(self.ledger_failing));
        let metrics = &self.metrics;
        let help = "Commits of settlements that failed and were tried again.";
        out.counter("tollgate_ledger_failed_commits", help, read(&metrics.failed_commits));
        out.family("tollgate_ledger_commit_seconds", Kind::Histogram, "Duration of a commit of settlements.");
        metrics.commits.expose(out, &[]);
        out.family("tollgate_ledger_commit_settlements", Kind::Histogram, "Settlements of one commit.");
        metrics.commit_settlements.expose(out, &[]);
        let lag = read(&metrics.rollup_lag);
        if lag != Metrics::LAG_UNKNOWN {
            let help = "Settled calls that the usage rollups have not taken in yet.";
            out.gauge("tollgate_usage_rollup_lag_calls", help, lag);
        }
    }

    fn catalogue(&self, out: &mut Exposition) {
        out.family("tollgate_catalogue_models", Kind::Gauge, "Models that a provider lists.");
        for listing in &self.listings {
            out.sample("", &[("provider", &listing.provider)], listing.models);
        }
        let help =
            "When a provider's list was read, in seconds since the Unix epoch. Absent when it never was.";
        out.family("tollgate_catalogue_read_timestamp_seconds", Kind::Gauge, help);
        for listing in &self.listings {
            if let Some(at_ms) = listing.read_at_ms {
                out.sample("", &[("provider", &listing.provider)], seconds(at_ms));
            }
        }
    }

    fn telemetry(&self, out: &mut Exposition) {
        let metrics = &self.metrics;
        let help = "Calls whose log line was dropped, because the log was not written fast enough.";
        out.counter("tollgate_log_lines_dropped", help, read(&metrics.lines_lost));
        out.counter("tollgate_traces_sent", "Calls whose spans a collector took.", read(&metrics.spans_sent));
        let help =
            "Calls whose spans were dropped, because the collector was slow, not there, or refused them.";
        out.counter("tollgate_traces_dropped", help, read(&metrics.spans_lost));
    }

    fn process(&self, out: &mut Exposition) {
        let help = "When the gateway started, in seconds since the Unix epoch.";
        out.gauge("process_start_time_seconds", help, seconds(self.metrics.started_at_ms));
        out.family("tollgate_build", Kind::Info, "What is running.");
        out.sample("_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    }
}

fn seconds(at_ms: i64) -> Decimal {
    Decimal { number: at_ms.unsigned_abs(), digits: 3 }
}
