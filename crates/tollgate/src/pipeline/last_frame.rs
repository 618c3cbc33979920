//! The end of a stream, as its client sees it.

use bytes::{Bytes, BytesMut};
use wire::sse;

use super::closed::Closed;
use super::relay::Relay;
use super::voice::Told;
use crate::error::{ApiError, Failure};

/// The end of a stream: the usage, if the client asked for it, and the end mark; or an error event. After that there is
/// no end mark: the stream did not end well.
pub(super) fn last_frame(relay: &mut Relay, closed: &mut Closed, result: &Result<(), Failure>) -> Bytes {
    let Some(telling) = &mut relay.telling else { return last_chunk(relay, closed, result) };
    let (told, how) = match result {
        Ok(()) => {
            let (told, ending) = telling.finish(|finish| closed.ending(finish));
            (told, Told::Whole(ending))
        }
        Err(failure) => {
            let error = ApiError::from(failure).body;
            let told = telling.fail(&error);
            let gone = matches!(failure, Failure::ClientGone | Failure::Cancelled);
            (told, if gone { Told::Cancelled } else { Told::Failed(error) })
        }
    };
    closed.remember(telling.items(), &how);
    if telling.writes() { told } else { last_chunk(relay, closed, result) }
}

/// The same for a chat client.
fn last_chunk(relay: &Relay, closed: &Closed, result: &Result<(), Failure>) -> Bytes {
    match result {
        Err(failure) => relay.chat.error_event(&ApiError::from(failure).body),
        Ok(()) if !relay.chat.usage_asked() => Bytes::from_static(sse::DONE),
        Ok(()) => {
            let (billable, cost) = (&closed.billable, closed.cost());
            let usage = relay.chat.usage_chunk(&billable.usage, cost, billable.source);
            let mut frame = BytesMut::with_capacity(usage.len() + sse::DONE.len());
            frame.extend_from_slice(&usage);
            frame.extend_from_slice(sse::DONE);
            frame.freeze()
        }
    }
}

/// An error after all: what came before it was told.
pub(super) fn error_event(relay: &mut Relay, failure: &Failure) -> Bytes {
    let error = ApiError::from(failure).body;
    match &mut relay.telling {
        Some(telling) if telling.writes() => telling.fail(&error),
        _ => relay.chat.error_event(&error),
    }
}
