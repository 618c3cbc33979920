//! What happens to a stream whose client has left: by the provider's policy it is read on to the upstream's usage,
//! or ended at once.

use std::future::poll_fn;

use domain::Outcome;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::body::Open;
use super::relay::{Relay, Turn};
use crate::config::AbortPolicy;

/// Ends a stream without a client and settles it. Dropping the relay closes the upstream's connection.
pub(super) async fn drain(open: Open, stop: CancellationToken) {
    let Open { mut relay, record } = open;
    let (policy, cap) = record.abort_policy();
    if policy == AbortPolicy::Drain {
        tokio::select! {
            // Whether the end was reached or not, what is known by now is charged.
            _ = timeout(cap, read_on(&mut relay)) => {}
            () = stop.cancelled() => {}
        }
    }
    let closed = record.finish(Outcome::ClientGone, relay.chat.tally());
    drop(relay);
    // Nobody waits for the answer, and the settlement is on its way.
    drop(closed.settling);
}

async fn read_on(relay: &mut Relay) {
    while let Turn::Frame(_) = poll_fn(|cx| relay.poll_turn(cx)).await {}
}
