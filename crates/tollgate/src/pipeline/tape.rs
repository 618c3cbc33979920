//! The answer of a call with an idempotency key, collected on its way to the client, for those who repeat the request.

use domain::CallId;
use wire::sse;

use crate::idempotency::{Answer, Once};
use crate::ledger::answers::{ANSWER_BYTES_MAX, Keep};

/// What was relayed so far, and the right to keep it.
pub(super) struct Tape {
    once: Once,
    /// `None` once there was more than is kept.
    relayed: Option<Vec<u8>>,
}

impl Tape {
    pub(super) fn new(once: Once) -> Tape {
        Tape { once, relayed: Some(Vec::new()) }
    }

    /// Collects a frame of a stream. Comments say only that it is slow, and are left out.
    pub(super) fn relay(&mut self, frame: &[u8]) {
        if frame == sse::KEEP_ALIVE {
            return;
        }
        if let Some(relayed) = &mut self.relayed {
            if relayed.len() + frame.len() > ANSWER_BYTES_MAX {
                self.relayed = None;
            } else {
                relayed.extend_from_slice(frame);
            }
        }
    }

    /// The whole answer, which ends with `last`.
    pub(super) fn keep(self, call: CallId, content_type: &str, last: &[u8], complete: bool) -> Keep {
        let pieces = self.relayed.as_deref().map(|relayed| [relayed, last]);
        let body = pieces.as_ref().map(|pieces| &pieces[..]);
        self.once.keep(&Answer { call: Some(call), status: 200, content_type, body, complete })
    }
}
