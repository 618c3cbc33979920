//! The events of a stream.

use std::borrow::Cow;

use bytes::Bytes;

use super::object_writer::ObjectWriter;
use crate::error::ErrorBody;

/// The codes of a failed response that clients act on, each with the codes of this gateway that mean the same. Codex
/// compacts its history at the first, gives up at the next two, and waits at the last. Strict clients know no others, so
/// everything else is `server_error`.
const CODES: [(&str, &[&str]); 4] = [
    ("context_length_exceeded", &[]),
    ("insufficient_quota", &["insufficient_credits", "quota_exceeded"]),
    ("usage_not_included", &[]),
    ("rate_limit_exceeded", &[]),
];

/// Numbers events and frames them.
#[derive(Debug, Default)]
pub(super) struct Events {
    sequence_number: u64,
    /// The number of the first event of the end, from when that is told.
    end: Option<u64>,
}

impl Events {
    /// The end is told from here on.
    pub(super) fn begin_end(&mut self) {
        self.end = Some(self.sequence_number);
    }

    /// The end that was told is not sent: its numbers are free.
    pub(super) fn take_back_end(&mut self) {
        self.sequence_number = self.end.take().unwrap_or(self.sequence_number);
    }

    /// Appends the next event, which is of the type `kind`.
    pub(super) fn send(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        fill: impl FnOnce(ObjectWriter) -> ObjectWriter,
    ) {
        let event = ObjectWriter::of_type(kind).plain("sequence_number", self.sequence_number);
        self.sequence_number += 1;
        frame(out, kind, &fill(event).close());
    }
}

/// The `error` event: a stream fails that has no response to fail. `sequence_number` is that of the event.
#[must_use]
pub fn error_event(error: &ErrorBody, sequence_number: u64) -> Bytes {
    let event = ObjectWriter::of_type("error")
        .plain("sequence_number", sequence_number)
        .text_or_null("code", error.code.as_deref())
        .text("message", &error.message)
        .text_or_null("param", error.param.as_deref());
    let mut out = Vec::new();
    frame(&mut out, "error", &event.close());
    out.into()
}

/// What a failed response says. Without an error, the upstream's answer ended without saying why.
pub(super) fn failure(error: Option<&ErrorBody>) -> String {
    let error = error.map_or_else(|| Cow::Owned(ErrorBody::unsaid()), Cow::Borrowed);
    let code = error.code.as_deref().unwrap_or_default();
    let code = CODES
        .into_iter()
        .find(|(known, same)| *known == code || same.contains(&code))
        .map_or("server_error", |(known, _)| known);
    ObjectWriter::default().text("code", code).text("message", &error.message).close()
}

/// One event. Line ends, which in JSON stand only between tokens, become spaces, so that nothing in it can start an
/// event of its own.
fn frame(out: &mut Vec<u8>, kind: &str, json: &str) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    out.extend_from_slice(b"\n\n");
}
