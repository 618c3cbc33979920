//! Passes a stream through the crate as the gateway does, in any cut into chunks, and writes down what came of it.

use std::fmt::Write;

use bytes::Bytes;
use domain::{Money, UsageSource};
use wire::chat::{ChatStream, End, Step, Tally};
use wire::error::ErrorBody;
use wire::sse::{self, Decoder};

/// What a client was sent, and what the gateway knows at the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Relayed {
    pub(crate) sent: String,
    pub(crate) end: End,
    pub(crate) tally: Tally,
    pub(crate) last: Option<Step>,
}

impl Relayed {
    /// The text that is compared with the golden file.
    pub(crate) fn to_golden(&self) -> String {
        let mut text = self.sent.clone();
        let tally = &self.tally;
        writeln!(text, "--- {:?}", self.end).unwrap();
        if let Some(Step::Error(error)) = &self.last {
            writeln!(text, "error: {} (code {:?}, type {:?})", error.message, error.code, error.kind)
                .unwrap();
        }
        writeln!(text, "events: {}, relayed bytes: {}", tally.events, tally.relayed_bytes).unwrap();
        writeln!(text, "reported: {:?}, suspect: {}", tally.reported, tally.usage_suspect).unwrap();
        writeln!(text, "finish reason: {:?}", tally.finish_reason).unwrap();
        writeln!(text, "id: {:?}, model: {:?}", tally.upstream_id, tally.model).unwrap();
        text
    }
}

/// Relays a stream that arrives in `chunks`, to a client that asked for the usage.
pub(crate) fn relay<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Relayed {
    let mut decoder = Decoder::new(1 << 20);
    let mut stream = ChatStream::new(true, 1);
    let mut sent = Vec::new();
    let mut last = None;
    'chunks: for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event().unwrap() {
            last = step(&mut stream, event.data, &mut sent);
            if last.is_some() {
                break 'chunks;
            }
        }
    }
    if last.is_none()
        && let Some(event) = decoder.finish().unwrap()
    {
        last = step(&mut stream, event.data, &mut sent);
    }
    match stream.end() {
        End::Complete => {
            let counted = stream.tally().reported.unwrap_or_default();
            let cost = Money::from_nanos(23_000);
            sent.extend_from_slice(&stream.usage_chunk(&counted, cost, UsageSource::Reported));
            sent.extend_from_slice(sse::DONE);
        }
        End::Cut => sent.extend_from_slice(&stream.error_event(&cut())),
    }
    let sent = String::from_utf8(sent).unwrap();
    Relayed { sent, end: stream.end(), tally: stream.tally().clone(), last }
}

/// Sends what is to be sent; returns the step that ended the stream.
fn step(stream: &mut ChatStream, data: Bytes, sent: &mut Vec<u8>) -> Option<Step> {
    match stream.event(data) {
        Step::Forward(frame) => sent.extend_from_slice(&frame),
        Step::Skip => {}
        end => return Some(end),
    }
    None
}

fn cut() -> ErrorBody {
    ErrorBody {
        message: "the upstream's answer ended before its end".to_owned(),
        kind: "upstream_error",
        param: None,
        code: Some("stream_cut".into()),
    }
}
