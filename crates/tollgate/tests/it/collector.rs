//! A collector of traces: a real server that keeps what it is sent, or behaves as badly as collectors do.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

/// What the collector does with a request, in their order; the last one goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Takes,
    Answers(u16),
    /// Is overloaded, and names a time to wait.
    AsksToWait(&'static str),
    Hangs,
}

/// A running collector.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    manners: Arc<Mutex<Vec<Manner>>>,
    taken: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Collector {
    pub(crate) async fn start(manners: &[Manner]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let manners = Arc::new(Mutex::new(manners.iter().rev().copied().collect()));
        let collector = Collector { endpoint, manners, taken: Arc::default() };
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// One that is not there.
    pub(crate) fn nowhere() -> Collector {
        let endpoint = "http://127.0.0.1:1".to_owned();
        Collector { endpoint, manners: Arc::default(), taken: Arc::default() }
    }

    /// The section of the configuration that sends traces here.
    pub(crate) fn toml(&self, more: &str) -> String {
        format!("[telemetry]\notlp_endpoint = \"{}\"\n{more}\n", self.endpoint)
    }

    /// The spans that were taken, and the headers that they came with.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().expect("no panic");
        let spans = taken.iter().flat_map(|(headers, body)| {
            let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
            spans.into_iter().map(|span| Span {
                span,
                resource: body["resourceSpans"][0]["resource"].clone(),
                headers: headers.clone(),
            })
        });
        spans.collect()
    }

    fn manner(&self) -> Manner {
        let mut manners = self.manners.lock().expect("no panic");
        if manners.len() > 1 { manners.pop() } else { manners.last().copied() }.expect("a manner")
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: String) -> Response {
    match collector.manner() {
        Manner::Hangs => std::future::pending().await,
        Manner::Answers(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Manner::AsksToWait(wait) => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait)]).into_response(),
        Manner::Takes => {
            let body = serde_json::from_str(&body).expect("JSON");
            collector.taken.lock().expect("no panic").push((headers, body));
            StatusCode::OK.into_response()
        }
    }
}

/// One span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) span: Value,
    pub(crate) resource: Value,
    pub(crate) headers: HeaderMap,
}

impl Span {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.span[field].as_str().unwrap_or_default()
    }

    /// An attribute, whatever its type.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Value> {
        attribute(&self.span["attributes"], name)
    }

    /// Nanoseconds from its start to its end.
    pub(crate) fn nanos(&self) -> u64 {
        let at = |field| self.text(field).parse::<u64>().expect("a number in text");
        at("endTimeUnixNano").checked_sub(at("startTimeUnixNano")).expect("it ends after its start")
    }
}

pub(crate) fn attribute<'a>(attributes: &'a Value, name: &str) -> Option<&'a Value> {
    let found = attributes.as_array()?.iter().find(|attribute| attribute["key"] == name)?;
    found["value"].as_object()?.values().next()
}
