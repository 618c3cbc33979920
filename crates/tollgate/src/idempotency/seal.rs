//! Sealing of kept answers: whoever reads the disk reads none of them without the idempotency key.
//!
//! The key of the cipher is derived from the client's idempotency key and, where the answer holds a secret, from its
//! credential. Neither is on the disk, but digests of them are: who can guess an idempotency key, such as `order-17`,
//! can test the guess against its digest and open an answer of a call. Clients should use random keys. Answers with
//! secrets stay shut all the same, because nobody guesses a credential.

use std::fmt;

use bytes::Bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use sha2::{Digest, Sha256};

use super::Refused;
use super::key::Key;
use crate::entropy::Entropy;
use crate::ledger::answers::Mark;

/// What sealing adds to a body: the nonce before it and the tag after it.
pub(super) const OVERHEAD_BYTES: usize = NONCE_LEN + 16;

/// Separates the keys that are derived here from all others.
const PURPOSE: &[u8] = b"tollgate: kept answers";

/// What seals and opens the answer of one request.
pub(super) struct Seal {
    key: [u8; 32],
    nonce: [u8; NONCE_LEN],
}

impl Seal {
    /// The seal of a request, with a nonce of its own.
    pub(super) fn new(
        key: &Key<'_>,
        mark: &Mark,
        credential: Option<&[u8]>,
        entropy: &Entropy,
    ) -> Result<Seal, Refused> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&entropy.draw().map_err(Refused::Entropy)?[..NONCE_LEN]);
        Ok(Seal { key: derive(key, mark, credential).ok_or(Refused::Unreadable)?, nonce })
    }

    /// Seals a body that comes in pieces. `None` would be a failure of the cipher, which knows none of that length.
    pub(super) fn close(self, mark: &Mark, body: &[&[u8]]) -> Option<Bytes> {
        let mut sealed =
            Vec::with_capacity(body.iter().map(|piece| piece.len()).sum::<usize>() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&self.nonce);
        body.iter().for_each(|piece| sealed.extend_from_slice(piece));
        let (nonce, aad) = (Nonce::assume_unique_for_key(self.nonce), Aad::from(mark.request));
        let tag = cipher(&self.key)?.seal_in_place_separate_tag(nonce, aad, &mut sealed[NONCE_LEN..]).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(Bytes::from(sealed))
    }

    /// The body, if it was sealed under the same key and credential, for the same request.
    pub(super) fn open(&self, mark: &Mark, sealed: &[u8]) -> Option<Bytes> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let length = cipher(&self.key)?.open_in_place(nonce, Aad::from(mark.request), &mut body).ok()?.len();
        body.truncate(length);
        Some(Bytes::from(body))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

fn derive(key: &Key<'_>, mark: &Mark, credential: Option<&[u8]>) -> Option<[u8; 32]> {
    // The digests have a fixed length, so a key and a credential cannot be split in two ways.
    let secret = [digest(key.bytes()), digest(credential.unwrap_or_default())].concat();
    let salt = [&mark.place.scope.bytes()[..], &mark.place.name[..]].concat();
    let mut derived = [0; 32];
    Salt::new(HKDF_SHA256, &salt)
        .extract(&secret)
        .expand(&[PURPOSE], HKDF_SHA256)
        .and_then(|material| material.fill(&mut derived))
        .ok()?;
    Some(derived)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}
