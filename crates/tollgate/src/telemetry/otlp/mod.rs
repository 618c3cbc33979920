//! Sends the spans of calls to a collector, by OTLP over HTTP as JSON.
//!
//! Calls wait in a bounded queue and leave in batches. A batch has one deadline, tries again within it where the
//! collector says that it may, and is dropped and counted at its end.

mod span;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Uri};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::warn;

use super::{ClosedCall, Metrics};
use crate::config::{Config, OtlpConfig};
use crate::upstream::{HttpClient, http_client};

/// Calls that wait for the collector: some megabytes.
const QUEUE_MAX: usize = 2_048;

/// The most calls of one request: about a megabyte of JSON.
const BATCH_MAX: usize = 512;

/// How long a batch waits for company.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// The first wait before another try; each further one doubles.
const RETRY_FIRST: Duration = Duration::from_millis(500);

/// What is read of a collector's answer, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends spans to one collector.
#[derive(Debug)]
pub(super) struct Exporter {
    client: HttpClient,
    uri: Uri,
    headers: HeaderMap,
    service_name: String,
    timeout: Duration,
    /// Host and port of each provider, for the spans of attempts.
    servers: HashMap<Arc<str>, Server>,
    metrics: Arc<Metrics>,
}

/// Where a provider is.
#[derive(Debug)]
pub(super) struct Server {
    address: String,
    port: u16,
}

/// The way to the exporter's task.
#[derive(Debug)]
pub(super) struct Spans {
    queue: mpsc::Sender<Box<ClosedCall>>,
    metrics: Arc<Metrics>,
}

/// Why a batch was not taken.
enum Refused {
    /// It may be tried again, after the time that the collector asked for.
    ForNow(String, Option<Duration>),
    /// It never will be.
    ForGood(String),
}

impl Spans {
    /// Queues a call, or drops and counts it when the queue is full.
    pub(super) fn hand_over(&self, call: Box<ClosedCall>) {
        if self.queue.try_send(call).is_err() {
            self.metrics.spans_lost(1);
        }
    }
}

impl Exporter {
    pub(super) fn new(otlp: &OtlpConfig, config: &Config, metrics: &Arc<Metrics>) -> Exporter {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
        headers.extend(otlp.headers.iter().cloned());
        let servers = config.providers.iter().filter_map(|provider| {
            let uri: Uri = provider.base_url.as_str().parse().ok()?;
            let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let server = Server { address: uri.host()?.to_owned(), port: uri.port_u16().unwrap_or(default) };
            Some((Arc::clone(&provider.id), server))
        });
        Exporter {
            client: http_client(otlp.timeout, None),
            uri: otlp.traces.clone(),
            headers,
            service_name: otlp.service_name.clone(),
            timeout: otlp.timeout,
            servers: servers.collect(),
            metrics: Arc::clone(metrics),
        }
    }

    /// The way in, and the task that sends until the way in is dropped.
    pub(super) fn start(self) -> (Spans, impl Future<Output = ()> + Send) {
        let (queue, calls) = mpsc::channel(QUEUE_MAX);
        (Spans { queue, metrics: Arc::clone(&self.metrics) }, self.run(calls))
    }

    async fn run(self, mut calls: mpsc::Receiver<Box<ClosedCall>>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while calls.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let fill = async {
                while batch.len() < BATCH_MAX
                    && let Some(call) = calls.recv().await
                {
                    batch.push(call);
                }
            };
            // Full, at the end of the queue, or after the wait: it leaves.
            let _ = timeout(BATCH_WAIT, fill).await;
            self.export(&batch).await;
            batch.clear();
        }
    }

    async fn export(&self, batch: &[Box<ClosedCall>]) {
        let body = Bytes::from(span::request(batch, &self.service_name, &self.servers).to_string());
        let deadline = Instant::now() + self.timeout;
        let mut pause = RETRY_FIRST;
        let reason = loop {
            match timeout_at(deadline, self.send(body.clone())).await {
                Ok(Ok(())) => return self.metrics.spans_sent(batch.len()),
                Ok(Err(Refused::ForGood(reason))) => break reason,
                Ok(Err(Refused::ForNow(reason, wait))) => {
                    let wait = wait.unwrap_or(pause);
                    // What a collector asks for may be any number of seconds, and more than a clock can count.
                    if wait >= deadline.saturating_duration_since(Instant::now()) {
                        break reason;
                    }
                    sleep(wait).await;
                    pause = pause.saturating_mul(2);
                }
                Err(_) => break format!("no answer within {} ms", self.timeout.as_millis()),
            }
        };
        self.metrics.spans_lost(batch.len());
        warn!(collector = %self.uri, calls = batch.len(), reason, "traces were dropped");
    }

    async fn send(&self, body: Bytes) -> Result<(), Refused> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response =
            self.client.request(request).await.map_err(|error| Refused::ForNow(error.to_string(), None))?;
        let (status, headers) = (response.status(), response.headers().clone());
        // Only its end matters, so that the connection can be used again.
        let _ = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("status {}", status.as_u16());
        match status.as_u16() {
            // Those that may be tried again (OTLP, "Failures").
            429 | 502 | 503 | 504 => {
                let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                Err(Refused::ForNow(reason, asked.map(Duration::from_secs)))
            }
            _ => Err(Refused::ForGood(reason)),
        }
    }
}
