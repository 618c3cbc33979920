//! The key that a client sends, and the digests under which it is remembered.

use hyper::header::HeaderMap;
use sha2::{Digest, Sha256};

use super::{Asked, HEADER, Refused};
use crate::ledger::answers::{Mark, Place};

/// The longest key, in characters: as long as other services take.
const KEY_LEN_MAX: usize = 255;

/// What a client calls a request. It is a secret of the client: it has no `Debug`.
pub(super) struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    /// The key of a request: 1 to 255 visible ASCII characters, once.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Option<Key<'a>>, Refused> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        let key = value.as_bytes();
        let visible = key.iter().all(u8::is_ascii_graphic);
        let once = headers.get_all(HEADER).into_iter().nth(1).is_none();
        if once && visible && (1..=KEY_LEN_MAX).contains(&key.len()) {
            Ok(Some(Key(key)))
        } else {
            Err(Refused::BadKey)
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0
    }

    /// The request as digests, from which neither the key nor the body can be told: the digest of what is asked begins
    /// with the key.
    pub(super) fn mark(&self, asked: &Asked<'_>) -> Mark {
        let name = digest([asked.route.as_bytes(), self.0]);
        let request = digest([self.0].into_iter().chain(asked.parts.iter().copied()));
        Mark { place: Place { scope: asked.scope, name }, request }
    }
}

/// The SHA-256 of parts, each with its length before it, so that no two lists of parts are alike.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
