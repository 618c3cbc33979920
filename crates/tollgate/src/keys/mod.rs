//! API keys. All of them are in memory, so that authentication never waits for the store.

mod admin;
mod entropy;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use domain::{AccountId, KeyId, Limits, Rights};

pub use admin::AdminKey;
pub use entropy::Entropy;
pub use secret::Secret;

use crate::ledger::{KeyRow, Ledger, LedgerError, check_name, ids};
use crate::limits::SharedMeter;

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// The visible beginning of its secret: `tg-xxxxxxxx`.
    pub prefix: String,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was revoked, in milliseconds since the Unix epoch.
    pub revoked_at_ms: Option<i64>,
    /// What it may do.
    pub rights: Rights,
    /// Its own limits, which make those of its plan stricter.
    pub limits: Limits,
    /// What it used, and what its limits still allow. It stays the same when the key is changed.
    pub meter: SharedMeter,
}

/// Every key. Clones are the same ring.
#[derive(Clone, Debug)]
pub struct KeyRing {
    ledger: Ledger,
    entropy: Entropy,
    rings: Arc<RwLock<Rings>>,
}

#[derive(Debug, Default)]
struct Rings {
    /// What authenticates: live keys by the digest of their secret.
    ///
    /// Looking a digest up may take a time that tells something of it, which tells nothing of a secret.
    live: HashMap<[u8; 32], Arc<Key>>,
    /// Every key with its digest, revoked ones included.
    all: BTreeMap<KeyId, ([u8; 32], Arc<Key>)>,
}

impl KeyRing {
    /// Loads every key.
    pub async fn open(ledger: Ledger, entropy: Entropy) -> Result<KeyRing, LedgerError> {
        let mut rings = Rings::default();
        for row in ledger.on_writer(|store| store.keys()).await? {
            rings.put(row);
        }
        Ok(KeyRing { ledger, entropy, rings: Arc::new(RwLock::new(rings)) })
    }

    /// The source of randomness that it was opened with.
    pub(crate) fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// The live key of that secret.
    #[must_use]
    pub fn authenticate(&self, secret: &str) -> Option<Arc<Key>> {
        let digest = secret::digest(secret)?;
        self.rings.read().unwrap_or_else(PoisonError::into_inner).live.get(&digest).cloned()
    }

    /// Makes a key for an account, durably and then in memory. Its secret is in the answer and nowhere else.
    pub async fn create(&self, account: AccountId, name: &str) -> Result<(Arc<Key>, Secret), LedgerError> {
        if self.ledger.account(account).is_none() {
            return Err(LedgerError::UnknownAccount);
        }
        let (row, secret) = self.draft(account, name)?;
        let row = self.ledger.on_writer(move |store| store.create_key(&row).map(|()| row)).await?;
        let key = self.keep(row);
        Ok((key, secret))
    }

    /// A key that is not stored yet, of an account that may not be either.
    pub(crate) fn draft(&self, account: AccountId, name: &str) -> Result<(KeyRow, Secret), LedgerError> {
        check_name(name)?;
        let secret = Secret::generate(&self.entropy)?;
        let clock = self.ledger.clock();
        let row = KeyRow {
            id: ids::key_id(clock),
            account,
            name: name.to_owned(),
            prefix: secret.prefix().to_owned(),
            digest: secret.digest(),
            created_at_ms: clock.now_ms(),
            revoked_at_ms: None,
        };
        Ok((row, secret))
    }

    /// Takes a stored key into memory.
    pub(crate) fn keep(&self, row: KeyRow) -> Arc<Key> {
        self.write().put(row)
    }

    /// Revokes a key of an account: at once in memory, then durably. After an error, ask again.
    pub async fn revoke(&self, account: AccountId, id: KeyId) -> Result<Arc<Key>, LedgerError> {
        let now_ms = self.ledger.clock().now_ms();
        let key = self.write().revoke(account, id, now_ms).ok_or(LedgerError::UnknownKey)?;
        let at_ms = key.revoked_at_ms.unwrap_or(now_ms);
        self.ledger.on_writer(move |store| store.revoke_key(id, at_ms)).await?;
        Ok(key)
    }

    /// The keys of an account, oldest first, revoked ones included.
    #[must_use]
    pub fn list(&self, account: AccountId) -> Vec<Arc<Key>> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        rings.all.values().filter(|(_, key)| key.account == account).map(|(_, key)| Arc::clone(key)).collect()
    }

    /// The key of that id, revoked or not.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Arc<Key>> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        rings.all.get(&id).map(|(_, key)| Arc::clone(key))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rings> {
        self.rings.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    fn put(&mut self, row: KeyRow) -> Arc<Key> {
        let key = Arc::new(Key {
            id: row.id,
            account: row.account,
            name: row.name,
            prefix: row.prefix,
            created_at_ms: row.created_at_ms,
            revoked_at_ms: row.revoked_at_ms,
            rights: Rights::default(),
            limits: Limits::NONE,
            meter: SharedMeter::default(),
        });
        if key.revoked_at_ms.is_none() {
            self.live.insert(row.digest, Arc::clone(&key));
        }
        self.all.insert(key.id, (row.digest, Arc::clone(&key)));
        key
    }

    fn revoke(&mut self, account: AccountId, id: KeyId, at_ms: i64) -> Option<Arc<Key>> {
        let (digest, key) = self.all.get_mut(&id).filter(|(_, key)| key.account == account)?;
        self.live.remove(digest);
        if key.revoked_at_ms.is_none() {
            *key = Arc::new(Key { revoked_at_ms: Some(at_ms), ..Key::clone(key) });
        }
        Some(Arc::clone(key))
    }
}
