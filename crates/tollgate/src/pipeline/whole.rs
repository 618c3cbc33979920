//! Step 8 for whole answers and for failures: settle first, then answer.

use domain::Outcome;

use super::body::Reply;
use super::head::{Head, JSON};
use super::outgoing::Whole;
use super::record::Record;
use super::voice::Told;
use crate::error::{ApiError, Failure};

/// Settles a whole answer and puts its cost into it.
pub(super) async fn settle(record: Box<Record>, reply: &Whole, client_gone: bool, head: Head) -> Reply {
    let outcome = if client_gone { Outcome::ClientGone } else { Outcome::Complete };
    let telling = record.telling();
    let mut closed = record.finish(outcome, reply.tally());
    let cost = closed.cost();
    let passing = || reply.with_usage(&closed.billable.usage, cost, closed.billable.source);
    let body = match telling {
        None => passing(),
        Some(mut telling) => {
            telling.read_whole(reply.chat());
            let ending = closed.ending(telling.finish_reason());
            let body = telling.whole(&ending).unwrap_or_else(passing);
            closed.remember(telling.items(), &Told::Whole(ending));
            body
        }
    };
    match closed.settle_keeping(JSON, &body, true).await {
        Some(_) => Reply::Whole { body, cost, head },
        None => Reply::Error { error: ApiError::from(&Failure::Unsettled), telling: None, head },
    }
}

/// Settles a call that failed before anything was relayed.
pub(super) async fn fail(record: Box<Record>, failure: &Failure, head: Head) -> Reply {
    let telling = record.telling();
    let mut closed = record.fail(failure, None);
    // A response that was promised is there, whatever became of it. Any other is only told.
    if closed.is_background() {
        closed.remember(&[], &Told::Failed(ApiError::from(failure).body));
    }
    // Nothing is charged, so the error does not depend on the receipt.
    let _ = closed.settle().await;
    Reply::Error { error: ApiError::from(failure), telling, head }
}
