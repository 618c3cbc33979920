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
pub use metrics::{Metrics, Scrape};
pub use trace::{CallTrace, TRACEPARENT, Tracer};

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
