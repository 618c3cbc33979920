//! Secrets of keys: made once, shown once, kept as a digest.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::entropy::Entropy;

/// The longest secret that is looked at. Ours have 55 characters; an administrator may bring a longer one.
const SECRET_LEN_MAX: usize = 256;

/// The letters of a secret's visible part: none looks like another. 32 of them, so five random bits choose one.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Letters in the visible part.
const READABLE_LEN: usize = 8;

/// A secret in the clear. It is shown once and never logged: it has no `Display`, and its `Debug` hides it.
pub struct Secret(String);

impl Secret {
    /// Makes a secret: `tg-`, the visible part, and 256 random bits.
    pub(crate) fn generate(entropy: &Entropy) -> Result<Secret, getrandom::Error> {
        let label: String = entropy.draw()?[..READABLE_LEN]
            .iter()
            .map(|byte| char::from(READABLE[usize::from(byte % 32)]))
            .collect();
        Ok(Secret(format!("tg-{label}-{}", URL_SAFE_NO_PAD.encode(entropy.draw()?))))
    }

    /// The secret, to show to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The part that may be shown at any time: `tg-xxxxxxxx`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0[.."tg-".len() + READABLE_LEN]
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The digest of what a client presents; `None` when it is too long to be a secret.
pub(super) fn digest(presented: &str) -> Option<[u8; 32]> {
    (presented.len() <= SECRET_LEN_MAX).then(|| Sha256::digest(presented).into())
}
