//! The events of a stream.

use bytes::Bytes;

use crate::error::ErrorBody;

/// The `error` event: a stream fails that has no response to fail. `sequence_number` is that of the event.
#[must_use]
pub fn error_event(_error: &ErrorBody, _sequence_number: u64) -> Bytes {
    Bytes::new()
}
