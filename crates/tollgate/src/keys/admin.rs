//! The one key of the administrator.

use super::secret::{self, Secret};
use crate::entropy::Entropy;
use crate::ledger::{Ledger, LedgerError};

/// The setting that holds the digest of a key that was made here.
const SETTING: &str = "admin_key_sha256";

/// The shortest key that is taken from the environment: what is shorter is a placeholder, or can be guessed.
const LEN_MIN: usize = 8;

const UNFIT: &str = "the admin key must have 8 to 256 characters";

/// The administrator's key, as a digest.
#[derive(Clone)]
pub struct AdminKey {
    digest: [u8; 32],
}

impl AdminKey {
    /// The key `given` by the environment; else the one that was made here before; else a new one, whose secret is
    /// returned to be shown once.
    pub async fn load_or_create(
        given: Option<&str>,
        ledger: &Ledger,
        entropy: &Entropy,
    ) -> Result<(AdminKey, Option<Secret>), LedgerError> {
        if let Some(given) = given {
            let digest = secret::digest(given)
                .filter(|_| given.len() >= LEN_MIN)
                .ok_or(LedgerError::Invalid(UNFIT))?;
            return Ok((AdminKey { digest }, None));
        }
        if let Some(stored) = ledger.on_writer(|store| store.setting(SETTING)).await? {
            let digest =
                stored.try_into().map_err(|_| LedgerError::Damaged(format!("the setting {SETTING}")))?;
            return Ok((AdminKey { digest }, None));
        }
        let secret = Secret::generate(entropy)?;
        let digest = secret.digest();
        ledger.on_writer(move |store| store.save_setting(SETTING, &digest)).await?;
        Ok((AdminKey { digest }, Some(secret)))
    }

    /// Whether `presented` is the key. Takes the same time wherever the digests differ.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        let Some(digest) = secret::digest(presented) else { return false };
        self.digest.iter().zip(digest).fold(0, |differences, (mine, theirs)| differences | (mine ^ theirs))
            == 0
    }
}
