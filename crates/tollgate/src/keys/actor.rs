//! Who makes and changes keys, and whether they still may at the moment when it is done.

use std::iter;
use std::sync::Arc;

use domain::{AccountId, KeyId};

use super::rings::Rings;
use super::{KEYS_PER_ACCOUNT_MAX, Key};
use crate::ledger::LedgerError;

/// Who makes and changes keys of an account: the operator, or whoever showed a management key of it.
///
/// Much can happen to that key between the head of a request and the end of its body, so nothing of what it may do is
/// kept here: it is read when the change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub(super) account: AccountId,
    /// `None` for the operator.
    shown: Option<Shown>,
}

/// A key, and the SHA-256 of the secret that showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    key: KeyId,
    digest: [u8; 32],
}

/// The operator, at the keys of that account.
impl From<AccountId> for Actor {
    fn from(account: AccountId) -> Actor {
        Actor { account, shown: None }
    }
}

impl Actor {
    /// Whoever showed this key by the secret of that digest.
    pub(super) fn with_key(key: &Key, digest: [u8; 32]) -> Actor {
        Actor { account: key.account, shown: Some(Shown { key: key.id, digest }) }
    }

    /// The key that was shown, as it is now; `None` for the operator. A secret that was replaced manages no keys, also
    /// while it works on: whoever found it could lock the owner out.
    pub(super) fn key_now(&self, rings: &Rings, now_ms: i64) -> Result<Option<Arc<Key>>, LedgerError> {
        let Some(shown) = self.shown else { return Ok(None) };
        let key = rings.get(shown.key).ok_or(LedgerError::ActorEnded)?;
        if key.revoked_at_ms.is_some() || !key.rights.are_live_at(now_ms) {
            return Err(LedgerError::ActorEnded);
        }
        if key.digest != shown.digest {
            return Err(LedgerError::SecretReplaced);
        }
        Ok(Some(Arc::clone(key)))
    }

    /// The key of that id, of this account, if this actor may touch it: a key may touch itself, and not its makers.
    pub(super) fn target(&self, rings: &Rings, id: KeyId) -> Result<Arc<Key>, LedgerError> {
        let of_account = |key: &&Arc<Key>| key.account == self.account;
        let key = rings.get(id).filter(of_account).ok_or(LedgerError::UnknownKey)?;
        let maker = |id: &KeyId| rings.get(*id).and_then(|key| key.maker);
        let makers = iter::successors(self.shown.and_then(|shown| maker(&shown.key)), maker);
        // A key is younger than its maker, so the line ends; a damaged store shall not make it endless.
        if makers.take(KEYS_PER_ACCOUNT_MAX).any(|maker| maker == id) {
            return Err(LedgerError::KeyIsMaker);
        }
        Ok(Arc::clone(key))
    }
}
