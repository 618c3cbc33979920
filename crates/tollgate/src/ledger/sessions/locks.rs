//! One call at a time goes on in a conversation: two would answer the same history, and their turns would mix.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AccountId, ConversationId};

use super::Conversation;

/// The conversations in which a call is under way.
#[derive(Clone, Default)]
pub struct Locks {
    taken: Arc<Mutex<HashSet<Locked>>>,
}

/// What a call keeps others out of: a conversation, by one of its names. Whoever goes on in it takes the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Locked {
    /// One that its client gave no name.
    Conversation(ConversationId),
    /// The client's name of a conversation, which may not be there yet.
    Name(AccountId, String),
}

/// The right to go on in a conversation, until it is dropped: after the turn is stored.
#[must_use = "dropping a lock lets another call go on in the conversation"]
pub struct Lock {
    locks: Locks,
    locked: Locked,
}

impl Locks {
    /// The right to go on in a conversation of the account; `None` while another call has it. There are never more
    /// locks than calls in flight.
    pub(crate) fn take(&self, account: AccountId, conversation: &Conversation) -> Option<Lock> {
        match &conversation.name {
            Some(name) => self.take_name(account, name),
            None => self.lock(Locked::Conversation(conversation.id)),
        }
    }

    /// The right to go on in the conversation that the account names so, before it is known whether there is one.
    pub(crate) fn take_name(&self, account: AccountId, name: &str) -> Option<Lock> {
        self.lock(Locked::Name(account, name.to_owned()))
    }

    fn lock(&self, locked: Locked) -> Option<Lock> {
        let new = self.set().insert(locked.clone());
        new.then(|| Lock { locks: self.clone(), locked })
    }

    fn set(&self) -> MutexGuard<'_, HashSet<Locked>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.set().remove(&self.locked);
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

    use super::{Conversation, Locks};

    const ADA: AccountId = AccountId::from_bits(1);
    const BOB: AccountId = AccountId::from_bits(2);

    fn conversation(id: u128, name: Option<&str>) -> Conversation {
        let id = ConversationId::from_bits(id);
        Conversation { id, name: name.map(str::to_owned), metadata: "{}".to_owned(), created_at_ms: 0 }
    }

    #[test]
    fn a_conversation_with_a_name_is_the_same_by_its_name_and_by_its_id() {
        let locks = Locks::default();
        let mine = conversation(1, Some("mine"));
        let held = locks.take_name(ADA, "mine").unwrap();
        assert!(locks.take_name(ADA, "mine").is_none() && locks.take(ADA, &mine).is_none());
        assert!(locks.take_name(BOB, "mine").is_some(), "a name is an account's own");
        drop(held);
        let held = locks.take(ADA, &mine).unwrap();
        assert!(locks.take_name(ADA, "mine").is_none() && locks.take(ADA, &mine).is_none());
        drop(held);
        assert!(locks.take_name(ADA, "mine").is_some());
    }

    #[test]
    fn one_at_a_time_and_the_next_when_it_is_done() {
        let locks = Locks::default();
        let (one, other) = (conversation(1, None), conversation(2, None));
        let held = locks.take(ADA, &one).unwrap();
        assert!(locks.take(ADA, &one).is_none());
        assert!(locks.take(ADA, &other).is_some(), "another conversation goes on");
        drop(held);
        assert!(locks.take(ADA, &one).is_some());
    }
}
