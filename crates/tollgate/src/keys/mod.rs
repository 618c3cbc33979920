//! API keys. All of them are in memory, so that authentication never waits for the store.

mod actor;
mod admin;
mod history;
mod key;
mod rings;
mod secret;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use domain::calendar::DAY_MS;
use domain::{AccountId, KeyId};

pub use actor::Actor;
pub use admin::AdminKey;
pub use history::load_meters;
pub use key::Key;
pub use secret::Secret;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::ledger::{Deed, KeyRow, KeyTerms, Ledger, LedgerError, PreviousSecret, Written, check_name, ids};
use rings::Rings;

/// Keys that an account may have ever made: each stays in memory, revoked ones as well, since receipts name them. A key
/// for each run of a busy automation is within it for a year.
pub const KEYS_PER_ACCOUNT_MAX: usize = 10_000;

/// The longest time that two secrets of a key work side by side: a month is enough to replace it everywhere.
pub const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Every key. Clones are the same ring.
#[derive(Clone, Debug)]
pub struct KeyRing {
    ledger: Ledger,
    entropy: Entropy,
    rings: Arc<RwLock<Rings>>,
}

impl KeyRing {
    /// Loads every key.
    pub async fn open(ledger: Ledger, entropy: Entropy) -> Result<KeyRing, LedgerError> {
        let mut rings = Rings::default();
        for row in ledger.on_writer(|store| store.keys()).await? {
            rings.put(Arc::new(Key::open(row)));
        }
        Ok(KeyRing { ledger, entropy, rings: Arc::new(RwLock::new(rings)) })
    }

    /// The source of randomness that it was opened with.
    pub(crate) fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// The key of that secret, unless it is revoked, and who manages keys with it. Whether it has expired is for the
    /// caller to see.
    #[must_use]
    pub fn authenticate(&self, secret: &str) -> Option<(Arc<Key>, Actor)> {
        let digest = secret::digest(secret)?;
        let key = read(&self.rings).live(&digest).cloned()?;
        let actor = Actor::with_key(&key, digest);
        key.takes(&digest, || self.ledger.clock().now_ms()).then_some((key, actor))
    }

    /// Makes a key for an account as the operator. Its secret is in the answer and nowhere else.
    pub fn create(&self, account: AccountId, terms: impl Into<KeyTerms>) -> Deed<(Arc<Key>, Secret)> {
        let terms = terms.into();
        self.create_by(account.into(), move |_| Ok(terms))
    }

    /// Makes a key on the terms that `terms` makes of the actor's key as it is then, which is `None` for the operator.
    pub fn create_by<E: From<LedgerError>>(
        &self,
        actor: Actor,
        terms: impl FnOnce(Option<&Key>) -> Result<KeyTerms, E> + Send + 'static,
    ) -> Deed<(Arc<Key>, Secret), E> {
        let ring = self.clone();
        self.ledger.deed(move |store| {
            let clock = ring.ledger.clock();
            if ring.ledger.account(actor.account).is_none() {
                return Err(LedgerError::UnknownAccount.into());
            }
            if read(&ring.rings).count(actor.account) >= KEYS_PER_ACCOUNT_MAX {
                return Err(LedgerError::TooManyKeys.into());
            }
            let maker = actor.key_now(&read(&ring.rings), clock.now_ms())?;
            let terms = terms(maker.as_deref())?;
            let secret = Secret::generate(&ring.entropy).map_err(LedgerError::from)?;
            let row = row(clock, actor.account, maker.map(|maker| maker.id), terms, &secret)?;
            store.create_key(&row)?;
            let key = Arc::new(Key::open(row));
            Ok(Written::new((Arc::clone(&key), secret), move || ring.put(key)))
        })
    }

    /// A key of the operator that is not stored yet, of an account that may not be either.
    pub(crate) fn draft(
        &self,
        account: AccountId,
        terms: impl Into<KeyTerms>,
    ) -> Result<(KeyRow, Secret), LedgerError> {
        let secret = Secret::generate(&self.entropy)?;
        Ok((row(self.ledger.clock(), account, None, terms.into(), &secret)?, secret))
    }

    /// Takes a stored key into memory.
    pub(crate) fn keep(&self, row: KeyRow) {
        self.put(Arc::new(Key::open(row)));
    }

    /// Puts a key on the terms that `edit` makes of it and of the actor's key as it is then, durably and then in memory.
    /// They count from the next call on; calls in flight keep theirs, and what was used stays counted. Changes come one
    /// after another.
    pub async fn update<E: From<LedgerError> + Send + 'static>(
        &self,
        actor: impl Into<Actor>,
        id: KeyId,
        edit: impl FnOnce(&Key, Option<&Key>) -> Result<KeyTerms, E> + Send + 'static,
    ) -> Result<Arc<Key>, E> {
        let edit = move |key: &Key, actor: Option<&Key>| -> Result<(Key, ()), E> {
            let terms = edit(key, actor)?;
            check_name(&terms.name)?;
            Ok((key.on(terms), ()))
        };
        let (key, ()) = self.change(actor.into(), id, edit).await?;
        Ok(key)
    }

    /// Gives a key a new secret. The one before works on for `overlap`, at most [`OVERLAP_MAX`]; what was before that one
    /// ends now. `may` can refuse to touch the key as it is with the actor's key as it is.
    pub fn rotate<E: From<LedgerError>>(
        &self,
        actor: impl Into<Actor>,
        id: KeyId,
        overlap: Duration,
        may: impl FnOnce(&Key, Option<&Key>) -> Result<(), E> + Send + 'static,
    ) -> Deed<(Arc<Key>, Secret), E> {
        let (clock, entropy) = (self.ledger.clock().clone(), self.entropy.clone());
        let overlap_ms = i64::try_from(overlap.min(OVERLAP_MAX).as_millis()).unwrap_or(DAY_MS);
        let replace = move |key: &Key, actor: Option<&Key>| -> Result<(Key, Secret), E> {
            may(key, actor)?;
            let secret = Secret::generate(&entropy).map_err(LedgerError::from)?;
            let (prefix, digest, now_ms) = (secret.prefix().to_owned(), secret.digest(), clock.now_ms());
            let before = PreviousSecret { digest: key.digest, until_ms: now_ms.saturating_add(overlap_ms) };
            let previous = (overlap_ms > 0).then_some(before);
            let rotated = Key { prefix, digest, previous, rotated_at_ms: Some(now_ms), ..key.clone() };
            Ok((rotated, secret))
        };
        self.change(actor.into(), id, replace)
    }

    /// Revokes a key, with all its secrets: at once in memory, then durably. After an error of the store, ask again.
    /// `may` can refuse, as with [`KeyRing::rotate`].
    pub async fn revoke<E: From<LedgerError>>(
        &self,
        actor: impl Into<Actor>,
        id: KeyId,
        may: impl FnOnce(&Key, Option<&Key>) -> Result<(), E>,
    ) -> Result<Arc<Key>, E> {
        self.revoke_in_memory(actor.into(), id, may)?;
        let rings = Arc::clone(&self.rings);
        let saved = self.ledger.on_writer(move |store| {
            let key = read(&rings).get(id).cloned().ok_or(LedgerError::UnknownKey)?;
            store.save_key(&key.row())?;
            Ok(key)
        });
        Ok(saved.await?)
    }

    fn revoke_in_memory<E: From<LedgerError>>(
        &self,
        actor: Actor,
        id: KeyId,
        may: impl FnOnce(&Key, Option<&Key>) -> Result<(), E>,
    ) -> Result<(), E> {
        let now_ms = self.ledger.clock().now_ms();
        let mut rings = write(&self.rings);
        let by = actor.key_now(&rings, now_ms)?;
        let key = actor.target(&rings, id)?;
        may(&key, by.as_deref())?;
        rings.put(Arc::new(Key { revoked_at_ms: Some(now_ms), ..Key::clone(&key) }));
        Ok(())
    }

    /// A page of the keys of an account, oldest first, revoked ones included: at most `count`, made after `after`.
    #[must_use]
    pub fn page(&self, account: AccountId, after: Option<KeyId>, count: usize) -> Vec<Arc<Key>> {
        read(&self.rings).after(account, after).take(count).cloned().collect()
    }

    /// Every key of every account, with its meter.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Key>> {
        read(&self.rings).all().cloned().collect()
    }

    /// The key of that id, revoked or not.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Arc<Key>> {
        read(&self.rings).get(id).cloned()
    }

    /// Makes another of a key that is not revoked, and something to go with it. On the writer's thread, so that no two
    /// changes cross.
    fn change<T: 'static, E: From<LedgerError>>(
        &self,
        actor: Actor,
        id: KeyId,
        edit: impl FnOnce(&Key, Option<&Key>) -> Result<(Key, T), E> + Send + 'static,
    ) -> Deed<(Arc<Key>, T), E> {
        let ring = self.clone();
        self.ledger.deed(move |store| {
            let by = actor.key_now(&read(&ring.rings), ring.ledger.now_ms())?;
            let key = actor.target(&read(&ring.rings), id)?;
            if key.revoked_at_ms.is_some() {
                return Err(LedgerError::KeyRevoked.into());
            }
            let (changed, with) = edit(&key, by.as_deref())?;
            store.save_key(&changed.row())?;
            let changed = Arc::new(changed);
            Ok(Written::new((Arc::clone(&changed), with), move || ring.put(changed)))
        })
    }

    fn put(&self, key: Arc<Key>) {
        write(&self.rings).put(key);
    }
}

/// A new key as it is to be stored.
fn row(
    clock: &Clock,
    account: AccountId,
    maker: Option<KeyId>,
    terms: KeyTerms,
    secret: &Secret,
) -> Result<KeyRow, LedgerError> {
    check_name(&terms.name)?;
    Ok(KeyRow {
        id: ids::key_id(clock),
        account,
        maker,
        terms,
        prefix: secret.prefix().to_owned(),
        digest: secret.digest(),
        previous: None,
        created_at_ms: clock.now_ms(),
        rotated_at_ms: None,
        revoked_at_ms: None,
    })
}

fn read(rings: &RwLock<Rings>) -> RwLockReadGuard<'_, Rings> {
    rings.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(rings: &RwLock<Rings>) -> RwLockWriteGuard<'_, Rings> {
    rings.write().unwrap_or_else(PoisonError::into_inner)
}
