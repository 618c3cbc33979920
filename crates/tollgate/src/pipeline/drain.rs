//! What happens to a stream whose client has left: by the provider's policy it is read on to the upstream's usage,
//! or ended at once.

use std::future::poll_fn;

use domain::Outcome;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::head::EVENT_STREAM;
use super::last_frame::last_frame;
use super::record::Record;
use super::relay::{Relay, Turn};
use crate::config::AbortPolicy;
use crate::error::Failure;

/// Ends a stream without a client and settles it. Dropping the relay closes the upstream's connection.
///
/// What comes after the client has left is kept for the case that it asks again, with an idempotency key.
pub(super) async fn drain(mut relay: Relay, mut record: Box<Record>, stop: CancellationToken) {
    let (policy, cap) = record.abort_policy();
    let result = match policy {
        AbortPolicy::Drain => tokio::select! {
            // Whether the end was reached or not, what is known by now is charged.
            read = timeout(cap, read_on(&mut relay, &mut record)) => read.unwrap_or(Err(Failure::ClientGone)),
            () = stop.cancelled() => Err(Failure::Shutdown),
        },
        AbortPolicy::Estimate | AbortPolicy::Void => Err(Failure::ClientGone),
    };
    let mut closed = record.finish(Outcome::ClientGone, relay.chat.tally());
    let last = last_frame(&mut relay, &mut closed, &result);
    drop(relay);
    // Nobody waits for the answer, and the settlement is on its way.
    drop(closed.settle_keeping(EVENT_STREAM, &last, result.is_ok()));
}

async fn read_on(relay: &mut Relay, record: &mut Record) -> Result<(), Failure> {
    loop {
        match poll_fn(|cx| relay.poll_turn(cx)).await {
            Turn::Frame(frame) => record.relays(&frame),
            Turn::End(result) => return result,
        }
    }
}
