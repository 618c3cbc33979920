//! Reasoning that a client keeps for itself: sealed, so that it can be sent back but not read, changed, or shown by
//! another account.
//!
//! Clients that store nothing here (`store: false`) ask for `reasoning.encrypted_content` and send it back with the next
//! request. The key of the cipher is made at the first start and kept in the store.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::AccountId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::entropy::Entropy;
use crate::ledger::{Ledger, LedgerError};

/// What a sealed text begins with, so that what others sealed is told apart.
const PREFIX: &str = "tgr1.";

/// The setting that keeps the key of the cipher.
const SETTING: &str = "reasoning_key";

/// Seals for all accounts.
#[derive(Clone)]
pub struct Vault {
    key: Arc<LessSafeKey>,
    entropy: Entropy,
}

/// Seals and opens for one account.
#[derive(Clone)]
pub(crate) struct Sealer {
    vault: Vault,
    account: AccountId,
}

impl Vault {
    /// The vault of this store, whose key is made when there is none.
    pub(crate) async fn load_or_create(ledger: &Ledger, entropy: &Entropy) -> Result<Vault, LedgerError> {
        let fresh = entropy.draw()?;
        let key = ledger
            .on_writer(move |store| {
                if let Some(stored) = store.setting(SETTING)? {
                    return Ok(stored);
                }
                store.save_setting(SETTING, &fresh)?;
                Ok(fresh.to_vec())
            })
            .await?;
        let key = <[u8; 32]>::try_from(key).ok().and_then(|key| Vault::new(&key, entropy.clone()));
        key.ok_or_else(|| LedgerError::Damaged(format!("the setting {SETTING}")))
    }

    /// A vault of that key; `None` would be a failure of the cipher, which takes every key of this length.
    pub(crate) fn new(key: &[u8; 32], entropy: Entropy) -> Option<Vault> {
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
        Some(Vault { key: Arc::new(key), entropy })
    }

    /// Seals and opens for `account`.
    pub(crate) fn of(&self, account: AccountId) -> Sealer {
        Sealer { vault: self.clone(), account }
    }
}

impl Sealer {
    /// The sealed text; empty where the system has no randomness, which is nothing to send back.
    pub(crate) fn seal(&self, text: &str) -> String {
        self.try_seal(text).unwrap_or_default()
    }

    /// The text, if it was sealed here for this account.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
        let (nonce, mut body) = (Nonce::try_assume_unique_for_key(nonce).ok()?, body.to_vec());
        let text = self.vault.key.open_in_place(nonce, self.aad(), &mut body).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    fn try_seal(&self, text: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&self.vault.entropy.draw().ok()?[..NONCE_LEN]);
        let mut sealed = text.as_bytes().to_vec();
        let aad = self.aad();
        self.vault
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        let bytes = [&nonce[..], &sealed].concat();
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn aad(&self) -> Aad<[u8; 16]> {
        Aad::from(self.account.to_bits().to_be_bytes())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sealer").field(&self.account).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::AccountId;

    use super::Vault;
    use crate::entropy::Entropy;

    #[test]
    fn only_the_account_opens_what_was_sealed_for_it() {
        let vault = Vault::new(&[7; 32], Entropy::Counter(Arc::default())).unwrap();
        let (ours, theirs) = (vault.of(AccountId::from_bits(1)), vault.of(AccountId::from_bits(2)));
        let sealed = ours.seal("first, add two and two");
        assert!(!sealed.contains("two"));
        assert_eq!(ours.open(&sealed).unwrap(), "first, add two and two");
        assert_eq!(theirs.open(&sealed), None);
        assert_ne!(sealed, ours.seal("first, add two and two"), "two seals of one text differ");
        for broken in ["", "tgr1.", "tgr1.AAAA", "gAAAAA-of-somebody-else", &sealed[..sealed.len() - 2]] {
            assert_eq!(ours.open(broken), None, "{broken}");
        }
        assert_eq!(
            Vault::new(&[8; 32], Entropy::Counter(Arc::default()))
                .unwrap()
                .of(AccountId::from_bits(1))
                .open(&sealed),
            None
        );
    }
}
