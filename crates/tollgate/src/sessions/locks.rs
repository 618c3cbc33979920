//! One call at a time goes on in a conversation: two would answer the same history, and their turns would mix.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ConversationId;

/// The conversations in which a call is under way.
#[derive(Clone, Default)]
pub struct Locks {
    taken: Arc<Mutex<HashSet<ConversationId>>>,
}

/// The right to go on in a conversation, until it is dropped: after the turn is stored.
#[must_use = "dropping a lock lets another call go on in the conversation"]
pub struct Lock {
    locks: Locks,
    conversation: ConversationId,
}

impl Locks {
    /// The right to go on in `conversation`; `None` while another call has it. There are never more locks than calls in
    /// flight.
    pub(crate) fn take(&self, conversation: ConversationId) -> Option<Lock> {
        let new = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation);
        new.then(|| Lock { locks: self.clone(), conversation })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.conversation);
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locks").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lock").field(&self.conversation).finish()
    }
}

#[cfg(test)]
mod tests {
    use domain::ConversationId;

    use super::Locks;

    #[test]
    fn one_at_a_time_and_the_next_when_it_is_done() {
        let locks = Locks::default();
        let (one, other) = (ConversationId::from_bits(1), ConversationId::from_bits(2));
        let held = locks.take(one).unwrap();
        assert!(locks.take(one).is_none());
        assert!(locks.take(other).is_some(), "another conversation goes on");
        drop(held);
        assert!(locks.take(one).is_some());
    }
}
