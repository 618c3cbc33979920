//! What the gateway tells of itself: a log line and a span per call, and metrics. All three are made from the receipt
//! of a call when it is closed, so they cannot disagree with the ledger.
//!
//! The ledger's writer hands over each call that it has committed ([`Telemetry::closed`]). Metrics are counted there
//! and then, with atomics. Lines and spans are made by a thread of their own behind a bounded queue: a log that blocks
//! and a collector that hangs cost the calls nothing but the lines and spans that find no place, which are counted.

mod background;
mod call;
mod line;
mod log;
mod metrics;
mod otlp;
mod trace;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::CallId;
use hyper::header::HeaderMap;
use tokio::sync::mpsc;

pub use call::ClosedCall;
pub use log::init;
pub use metrics::{Listing, Metrics, Scrape};
pub use trace::{CallTrace, Tracer};

use crate::config::Config;
use background::Background;

/// Closed calls that wait for their line and span: more than arrive while one batch of lines is written.
const QUEUE_MAX: usize = 8_192;

/// What calls are reported to.
#[derive(Debug)]
pub struct Telemetry {
    /// The counts of all calls.
    pub metrics: Arc<Metrics>,
    tracer: Option<Tracer>,
    background: mpsc::Sender<background::Message>,
}

impl Telemetry {
    /// Starts the thread that writes lines and sends spans. Metrics begin at zero, at the time `now_ms`.
    pub fn start(config: &Config, now_ms: i64) -> io::Result<Telemetry> {
        let providers = config.providers.iter().map(|provider| Arc::clone(&provider.id));
        let metrics = Arc::new(Metrics::new(providers, now_ms));
        let (background, messages) = mpsc::channel(QUEUE_MAX);
        let exporter = config.telemetry.otlp.as_ref().map(|otlp| otlp::Exporter::new(otlp, config, &metrics));
        background::start(Background { messages, format: config.log.format, exporter })?;
        let tracer = config.telemetry.otlp.as_ref().map(|otlp| Tracer::new(otlp.sample_per_mille));
        Ok(Telemetry { metrics, tracer, background })
    }

    /// The trace of a call that begins, with what its client says of it; `None` when nobody collects traces.
    #[must_use]
    pub fn trace(&self, call: CallId, headers: &HeaderMap) -> Option<Box<CallTrace>> {
        self.tracer.map(|tracer| Box::new(tracer.begin(call, headers)))
    }

    /// Reports a call that is closed and stored. It never waits.
    pub fn closed(&self, call: ClosedCall) {
        self.metrics.count(&call);
        let (line, span) = (line::is_wanted(), call.is_sampled());
        if !line && !span {
            return;
        }
        if self.background.try_send(background::Message::Call(Box::new(call))).is_err() {
            self.metrics.lost(line, span);
        }
    }

    /// Writes and sends what is left, for at most `longest`.
    pub async fn flush(&self, longest: Duration) {
        let flushed = async {
            let (done, wait) = tokio::sync::oneshot::channel();
            self.background.send(background::Message::Flush(done)).await.ok()?;
            wait.await.ok()
        };
        // What is not out by then is lost with the process.
        let _ = tokio::time::timeout(longest, flushed).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{AccountId, BillingRule, CallId, KeyId, Money, Outcome, Receipt, Usage, UsageSource};
    use hyper::header::HeaderMap;
    use tokio::sync::mpsc;

    use super::{ClosedCall, Metrics, Telemetry, Tracer};

    fn refused(telemetry: &Telemetry, call: u128) -> ClosedCall {
        let call = CallId::from_bits(call);
        let receipt = Receipt {
            call,
            account: AccountId::from_bits(1),
            key: KeyId::from_bits(1),
            started_at_ms: 0,
            session: None,
            label: None,
            dialect: "chat",
            stream: false,
            model_asked: String::new(),
            model_served: None,
            provider: None,
            inference_provider: None,
            route_reason: String::new(),
            usage: Usage::default(),
            usage_source: UsageSource::None,
            usage_suspect: false,
            price: None,
            cost: None,
            outcome: Outcome::Refused,
            rule: BillingRule::NotSent,
            status: 400,
            error_code: None,
            first_token_us: None,
            total_us: 0,
            attempts: 0,
            finish_reason: None,
            upstream_id: None,
        };
        let trace = telemetry.trace(call, &HeaderMap::new());
        ClosedCall { receipt, charge: Money::ZERO, uncollected: Money::ZERO, trace }
    }

    /// As when standard error is not read: the calls go on, all are counted, and so is what was not told.
    #[test]
    fn a_thread_that_does_not_keep_up_costs_lines_and_spans_and_no_call() {
        let metrics = Arc::new(Metrics::new(std::iter::empty(), 0));
        let (background, mut messages) = mpsc::channel(2);
        let telemetry =
            Telemetry { metrics: Arc::clone(&metrics), tracer: Some(Tracer::new(1_000)), background };
        (1..=5).for_each(|call| telemetry.closed(refused(&telemetry, call)));
        assert_eq!(std::iter::from_fn(|| messages.try_recv().ok()).count(), 2);
        assert_eq!(metrics.spans_lost_count(), 3);
        assert_eq!(metrics.refusals_count("none"), 5);
    }
}
