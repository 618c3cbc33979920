//! A key as it is stored: its terms, and its secrets as digests.

use domain::{AccountId, KeyId, Limits, Rights};

use super::labels::Labels;

/// A key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRow {
    /// Its id.
    pub(crate) id: KeyId,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The key that made it.
    pub(crate) maker: Option<KeyId>,
    /// What can be changed about it.
    pub(crate) terms: KeyTerms,
    /// The visible beginning of its secret: `tg-xxxxxxxx`.
    pub(crate) prefix: String,
    /// The SHA-256 of its secret.
    pub(crate) digest: [u8; 32],
    /// The secret before, while it goes on working.
    pub(crate) previous: Option<PreviousSecret>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub(crate) created_at_ms: i64,
    /// When it last got a new secret, in milliseconds since the Unix epoch.
    pub(crate) rotated_at_ms: Option<i64>,
    /// When it was revoked, in milliseconds since the Unix epoch.
    pub(crate) revoked_at_ms: Option<i64>,
}

/// A secret that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PreviousSecret {
    /// Its SHA-256.
    pub(crate) digest: [u8; 32],
    /// When it stops working, in milliseconds since the Unix epoch.
    pub(crate) until_ms: i64,
}

/// What can be changed about a key at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTerms {
    /// What people call it: 1 to 200 bytes.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// Its own limits, which make those of its plan stricter.
    pub limits: Limits,
    /// What people note about it.
    pub labels: Labels,
}

/// The terms of a key of that name with all rights of a user and no limits of its own.
impl From<&str> for KeyTerms {
    fn from(name: &str) -> KeyTerms {
        KeyTerms { name: name.to_owned(), ..KeyTerms::default() }
    }
}
