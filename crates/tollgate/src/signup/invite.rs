//! Invite codes: made by the operator, shown once, kept as a digest, good for one sign-up.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::entropy::Entropy;

/// What every code begins with, so that nobody takes one for an API key.
const PREFIX: &str = "invite-";

/// Random bytes in a code: 128 bits, which nobody finds by trying.
const RANDOM_BYTES: usize = 16;

/// The longest code that is looked at. Ours have 29 characters.
const CODE_LEN_MAX: usize = 64;

/// An invite code in the clear. It is shown once and never logged: it has no `Display`, and its `Debug` hides it.
pub struct InviteCode(String);

impl InviteCode {
    /// Makes a code.
    pub fn generate(entropy: &Entropy) -> Result<InviteCode, getrandom::Error> {
        let random = entropy.draw()?;
        Ok(InviteCode(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&random[..RANDOM_BYTES]))))
    }

    /// The code, to show to the operator.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

/// The digest of what a visitor presents, without the spaces that come along when a code is copied; `None` when it is
/// too long to be a code. The store looks the digest up, in a time that may tell something of it and nothing of a code.
pub(super) fn digest(presented: &str) -> Option<[u8; 32]> {
    let presented = presented.trim();
    (presented.len() <= CODE_LEN_MAX).then(|| Sha256::digest(presented).into())
}
