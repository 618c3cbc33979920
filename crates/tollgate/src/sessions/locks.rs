//! One call at a time goes on in a conversation: two would answer the same history, and their turns would mix.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AccountId, ConversationId};

/// The conversations in which a call is under way.
#[derive(Clone, Default)]
pub struct Locks {
    taken: Arc<Mutex<HashSet<Locked>>>,
}

/// What a call keeps others out of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Locked {
    Conversation(ConversationId),
    /// A client's name of a conversation, which may not be there yet.
    Name(AccountId, String),
}

/// The right to go on in a conversation, until it is dropped: after the turn is stored.
#[must_use = "dropping a lock lets another call go on in the conversation"]
pub struct Lock {
    locks: Locks,
    locked: Vec<Locked>,
}

impl Locks {
    /// The right to go on in `conversation`; `None` while another call has it. There are never more locks than calls in
    /// flight.
    pub(crate) fn take(&self, conversation: ConversationId) -> Option<Lock> {
        self.nothing().and(Locked::Conversation(conversation))
    }

    /// The right to go on in the conversation that the account names so, before it is known whether there is one.
    pub(crate) fn take_name(&self, account: AccountId, name: &str) -> Option<Lock> {
        self.nothing().and(Locked::Name(account, name.to_owned()))
    }

    fn nothing(&self) -> Lock {
        Lock { locks: self.clone(), locked: Vec::new() }
    }

    fn set(&self) -> MutexGuard<'_, HashSet<Locked>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lock {
    /// This one and the right to go on in `conversation`; `None` while another call has that.
    pub(crate) fn with(self, conversation: ConversationId) -> Option<Lock> {
        self.and(Locked::Conversation(conversation))
    }

    fn and(mut self, locked: Locked) -> Option<Lock> {
        let new = self.locks.set().insert(locked.clone());
        new.then(|| {
            self.locked.push(locked);
            self
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut taken = self.locks.set();
        for locked in &self.locked {
            taken.remove(locked);
        }
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locks").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lock").field(&self.locked).finish()
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ConversationId};

    use super::Locks;

    #[test]
    fn a_name_is_locked_with_its_conversation_and_both_are_let_go_of() {
        let locks = Locks::default();
        let (ada, bob, id) = (AccountId::from_bits(1), AccountId::from_bits(2), ConversationId::from_bits(1));
        let held = locks.take_name(ada, "mine").unwrap().with(id).unwrap();
        assert!(locks.take_name(ada, "mine").is_none() && locks.take(id).is_none());
        assert!(locks.take_name(bob, "mine").is_some_and(|his| his.with(id).is_none()));
        assert!(locks.take_name(bob, "mine").is_some(), "what came to nothing is let go of");
        drop(held);
        assert!(locks.take_name(ada, "mine").is_some() && locks.take(id).is_some());
    }

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
