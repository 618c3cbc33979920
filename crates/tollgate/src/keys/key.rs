//! One key: what it is, what it may do, and its secrets as digests.

use domain::{AccountId, KeyId, Limits, Rights};

use crate::ledger::{KeyRow, KeyTerms, Labels, PreviousSecret};
use crate::limits::SharedMeter;

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// The management key that made it; `None` when the operator did.
    pub maker: Option<KeyId>,
    /// What people call it.
    pub name: String,
    /// The visible beginning of its secret: `tg-xxxxxxxx`.
    pub prefix: String,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it last got a new secret, in milliseconds since the Unix epoch.
    pub rotated_at_ms: Option<i64>,
    /// When it was revoked, in milliseconds since the Unix epoch.
    pub revoked_at_ms: Option<i64>,
    /// What it may do.
    pub rights: Rights,
    /// Its own limits, which make those of its plan stricter.
    pub limits: Limits,
    /// What people note about it.
    pub labels: Labels,
    /// What it used, and what its limits still allow. It stays the same when the key is changed.
    pub meter: SharedMeter,
    /// The SHA-256 of its secret.
    pub(super) digest: [u8; 32],
    /// The secret before, while it goes on working.
    pub(super) previous: Option<PreviousSecret>,
}

impl Key {
    /// Its terms as they are.
    #[must_use]
    pub fn terms(&self) -> KeyTerms {
        KeyTerms {
            name: self.name.clone(),
            rights: self.rights.clone(),
            limits: self.limits,
            labels: self.labels.clone(),
        }
    }

    /// Until when the secret before its last one works, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn previous_until_ms(&self) -> Option<i64> {
        self.previous.map(|previous| previous.until_ms)
    }

    /// The same key on other terms.
    pub(super) fn on(&self, terms: KeyTerms) -> Key {
        let KeyTerms { name, rights, limits, labels } = terms;
        Key { name, rights, limits, labels, ..self.clone() }
    }

    /// The digests of its secrets: of the present one, and of the one before.
    pub(super) fn digests(&self) -> impl Iterator<Item = [u8; 32]> + use<> {
        [Some(self.digest), self.previous.map(|previous| previous.digest)].into_iter().flatten()
    }

    /// Whether the secret of that digest works at the time that `now_ms` tells.
    pub(super) fn takes(&self, digest: &[u8; 32], now_ms: impl FnOnce() -> i64) -> bool {
        self.digest == *digest || self.previous.is_some_and(|previous| now_ms() < previous.until_ms)
    }

    /// A key as stored, with a meter of its own.
    pub(crate) fn open(row: KeyRow) -> Key {
        let KeyTerms { name, rights, limits, labels } = row.terms;
        Key {
            id: row.id,
            account: row.account,
            maker: row.maker,
            name,
            prefix: row.prefix,
            created_at_ms: row.created_at_ms,
            rotated_at_ms: row.rotated_at_ms,
            revoked_at_ms: row.revoked_at_ms,
            rights,
            limits,
            labels,
            meter: SharedMeter::default(),
            digest: row.digest,
            previous: row.previous,
        }
    }

    /// The key as it is to be stored.
    pub(super) fn row(&self) -> KeyRow {
        KeyRow {
            id: self.id,
            account: self.account,
            maker: self.maker,
            terms: self.terms(),
            prefix: self.prefix.clone(),
            digest: self.digest,
            previous: self.previous,
            created_at_ms: self.created_at_ms,
            rotated_at_ms: self.rotated_at_ms,
            revoked_at_ms: self.revoked_at_ms,
        }
    }
}
