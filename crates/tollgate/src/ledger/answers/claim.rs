//! The right to answer a request first. However the request ends, the claim is kept with its answer or given back.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use domain::CallId;

use super::{Answers, KEPT_MS, Mark, NewAnswer};

/// A request that runs under an idempotency key. Dropping it lets the next one with that key run.
#[must_use = "dropping a claim lets the next request with its key run"]
pub(crate) struct Claim {
    answers: Arc<Answers>,
    /// Boxed, because a call carries its claim from hand to hand.
    mark: Box<Mark>,
    kept: bool,
}

impl Claim {
    pub(super) fn new(answers: Arc<Answers>, mark: Mark) -> Claim {
        Claim { answers, mark: Box::new(mark), kept: false }
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Takes the room for a body of that many bytes; `false` when the answer is to be kept without its body.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        self.answers.index().reserve(&self.mark.place, bytes)
    }

    /// Notes that the answer is durable since `at_ms`.
    pub(in crate::ledger) fn keep(mut self, call: Option<CallId>, at_ms: i64) {
        self.kept = true;
        self.answers.index().keep(&self.mark.place, call, at_ms.saturating_add(KEPT_MS));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept {
            self.answers.index().release(&self.mark.place);
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("mark", &self.mark).finish_non_exhaustive()
    }
}

/// A claim with the answer that is to be stored for it.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(in crate::ledger) claim: Claim,
    pub(in crate::ledger) answer: Box<NewAnswer>,
}

impl Keep {
    /// An answer to the claimed request, with its body sealed. [`Claim::reserve`] comes first: where it says no, there
    /// is no body.
    pub(crate) fn new(
        claim: Claim,
        call: Option<CallId>,
        (status, content_type): (u16, &str),
        sealed: Option<Bytes>,
        complete: bool,
    ) -> Keep {
        let content_type = content_type.to_owned();
        let mark = *claim.mark;
        let answer = Box::new(NewAnswer { mark, call, status, content_type, sealed, complete });
        Keep { claim, answer }
    }
}
