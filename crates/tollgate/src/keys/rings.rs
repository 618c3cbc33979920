//! Every key in memory: by secret, by id, by account.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use domain::{AccountId, KeyId};

use super::Key;

#[derive(Debug, Default)]
pub(super) struct Rings {
    /// What authenticates: keys that are not revoked, by the digests of their secrets. A secret that was replaced stays
    /// until the key changes again, and is refused when its time is over.
    ///
    /// Looking a digest up may take a time that tells something of it, which tells nothing of a secret.
    live: HashMap<[u8; 32], Arc<Key>>,
    /// Every key, revoked ones included.
    all: BTreeMap<KeyId, Arc<Key>>,
    of_account: HashMap<AccountId, BTreeSet<KeyId>>,
}

impl Rings {
    /// Adds a key, or puts it in the place of what it was. What was revoked stays so.
    pub(super) fn put(&mut self, mut key: Arc<Key>) {
        if let Some(before) = self.all.get(&key.id) {
            for digest in before.digests() {
                self.live.remove(&digest);
            }
            if before.revoked_at_ms.is_some() {
                Arc::make_mut(&mut key).revoked_at_ms = before.revoked_at_ms;
            }
        }
        if key.revoked_at_ms.is_none() {
            for digest in key.digests() {
                self.live.insert(digest, Arc::clone(&key));
            }
        }
        self.of_account.entry(key.account).or_default().insert(key.id);
        self.all.insert(key.id, key);
    }

    /// The key with a secret of that digest, unless it is revoked.
    pub(super) fn live(&self, digest: &[u8; 32]) -> Option<&Arc<Key>> {
        self.live.get(digest)
    }

    pub(super) fn get(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.all.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.all.values()
    }

    /// How many keys an account has, revoked ones included.
    pub(super) fn count(&self, account: AccountId) -> usize {
        self.of_account.get(&account).map_or(0, BTreeSet::len)
    }

    /// The keys of an account that were made after `after`, oldest first.
    pub(super) fn after(&self, account: AccountId, after: Option<KeyId>) -> impl Iterator<Item = &Arc<Key>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.of_account.get(&account).into_iter();
        ids.flat_map(move |ids| ids.range((start, Bound::Unbounded))).filter_map(|id| self.all.get(id))
    }
}
