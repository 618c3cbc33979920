//! Step 8 for whole answers and for failures: settle first, then answer.

use std::time::Duration;

use domain::Outcome;
use tokio::time::timeout;
use wire::chat::ChatReply;

use super::Failure;
use super::record::Record;
use super::reply::{Head, Reply};
use crate::http::ApiError;

/// How long an answer waits for its charge to be committed. Without it the answer must not look complete.
pub(super) const SETTLE_TIME_MAX: Duration = Duration::from_secs(5);

/// Settles a whole answer and puts its cost into it.
pub(super) async fn settle(record: Record, reply: &ChatReply, client_gone: bool, head: Head) -> Reply {
    let outcome = if client_gone { Outcome::ClientGone } else { Outcome::Complete };
    let priced = record.is_priced();
    let closed = record.finish(outcome, reply.tally());
    match timeout(SETTLE_TIME_MAX, closed.settling).await {
        Ok(Ok(charged)) => {
            let cost = priced.then_some(charged.charge);
            let body = reply.with_usage(&closed.billable.usage, cost, closed.billable.source);
            Reply::Whole { body, cost, head }
        }
        _ => Reply::Error { error: ApiError::from(&Failure::Unsettled), head },
    }
}

/// Settles a call that failed before anything was relayed.
pub(super) async fn fail(record: Record, failure: &Failure, head: Head) -> Reply {
    let closed = record.fail(failure, None);
    // Nothing is charged, so the error does not depend on the receipt.
    let _ = timeout(SETTLE_TIME_MAX, closed.settling).await;
    Reply::Error { error: ApiError::from(failure), head }
}
