//! How long and how hard: every constant of the measurement in one place.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// A model that the simulator lists with a price.
pub(super) const MODEL: &str = "meta-llama/Llama-3.1-8B-Instruct";

/// Time between two events of a stream, as a mid-sized model on good hardware gives them.
pub(super) const EVENT_INTERVAL: Duration = Duration::from_millis(10);

/// The numbers of one run.
#[derive(Clone, Serialize)]
pub(super) struct Plan {
    pub(super) rounds: usize,
    /// Connections that call without a pause between calls.
    pub(super) connections: usize,
    pub(super) calls_window: Duration,
    /// Parallel streams of one event per 10 ms each.
    pub(super) streams: usize,
    pub(super) streams_window: Duration,
    /// Before each window and, for streams, after it.
    pub(super) margin: Duration,
    /// Open-loop calls per second and per contestant, for latency.
    pub(super) rate: u32,
    pub(super) latency_window: Duration,
    /// Streams open at once when memory is read.
    pub(super) open_streams: usize,
    pub(super) starts: usize,
}

impl Plan {
    pub(super) fn full() -> Self {
        Self {
            rounds: 5,
            connections: 64,
            calls_window: Duration::from_secs(5),
            streams: 200,
            streams_window: Duration::from_secs(6),
            margin: Duration::from_secs(1),
            rate: 50,
            latency_window: Duration::from_secs(10),
            open_streams: 1000,
            starts: 9,
        }
    }

    /// To see that everything works; too short for figures worth keeping.
    pub(super) fn quick() -> Self {
        Self {
            rounds: 2,
            calls_window: Duration::from_secs(2),
            streams_window: Duration::from_secs(2),
            latency_window: Duration::from_secs(3),
            starts: 3,
            ..Self::full()
        }
    }

    /// A short question, answered at once.
    pub(super) fn call_body(&self) -> Bytes {
        body("[[sim tokens=16]]", 16, false)
    }

    /// A stream that lasts through both margins and the window.
    pub(super) fn stream_body(&self) -> Bytes {
        let length = self.streams_window + self.margin * 2;
        let events = length.as_millis() / EVENT_INTERVAL.as_millis();
        let directive = format!("[[sim tokens={events} gap_ms={}]]", EVENT_INTERVAL.as_millis());
        body(&directive, events, true)
    }

    /// A stream that stays open, at one event per second, while memory is read.
    pub(super) fn open_stream_body(&self) -> Bytes {
        body("[[sim tokens=20 gap_ms=1000]]", 20, true)
    }
}

fn body(directive: &str, tokens: u128, stream: bool) -> Bytes {
    let stream = if stream { r#","stream":true,"stream_options":{"include_usage":true}"# } else { "" };
    Bytes::from(format!(
        r#"{{"model":"{MODEL}","messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"{directive} What does a toll gate do?"}}],"max_tokens":{tokens}{stream}}}"#
    ))
}
