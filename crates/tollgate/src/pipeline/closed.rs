//! The end of a record: what the call comes to is known, and it is settled, with or without an answer to keep.

use std::pin::Pin;
use std::time::Duration;

use domain::outcome::Billable;
use domain::{Money, Receipt};
use wire::pivot::{Ending, Finish, Item};

use super::tape::Tape;
use super::voice::{Told, Voice};
use crate::ledger::{Admission, Charged};

/// What a settlement came to; `None` when it was not committed in time.
pub(super) type Settling = Pin<Box<dyn Future<Output = Option<Charged>> + Send>>;

/// A closed record: how the call ended and what it costs is decided, and is to be settled.
#[must_use = "a call ends with its settlement"]
pub(super) struct Closed {
    pub(super) admission: Admission,
    pub(super) receipt: Receipt,
    pub(super) settle_max: Duration,
    pub(super) tape: Option<Box<Tape>>,
    pub(super) billable: Billable,
    pub(super) voice: Option<Box<Voice>>,
    /// When it was closed, in milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

impl Closed {
    /// What the client is told that it costs; `None` where the price is unknown.
    pub(super) fn cost(&self) -> Option<Money> {
        self.receipt.price.map(|_| self.receipt.settled(self.admission.held()).charge)
    }

    /// How a whole answer ended, for who tells it.
    pub(super) fn ending(&self, finish: Finish) -> Ending {
        let Billable { usage, source, .. } = self.billable;
        Ending { finish, usage, source, cost: self.cost(), at_s: self.at_ms.div_euclid(1_000) }
    }

    /// Whether it runs without a client.
    pub(super) fn is_background(&self) -> bool {
        self.voice.as_ref().is_some_and(|voice| voice.is_background())
    }

    /// Has the turn stored with the settlement, where the conversation is kept.
    pub(super) fn remember(&mut self, items: &[Item], told: &Told) {
        if let Some(voice) = self.voice.take() {
            voice.remember(items, told, &mut self.admission);
        }
    }

    /// Settles a call that has nothing to be kept. Its idempotency key is free at once.
    pub(super) fn settle(self) -> Settling {
        Box::pin(self.admission.settle(self.receipt).within(self.settle_max))
    }

    /// Settles a call whose answer ends with `last`, and keeps the answer for those who repeat the request: if it was
    /// charged for, or is complete.
    pub(super) fn settle_keeping(mut self, content_type: &str, last: &[u8], complete: bool) -> Settling {
        let settled = self.receipt.settled(self.admission.held());
        if let Some(tape) = self.tape.take().filter(|_| self.receipt.keeps_answer(settled, complete)) {
            self.admission.keep(tape.keep(self.receipt.call, content_type, last, complete));
        }
        self.settle()
    }
}
