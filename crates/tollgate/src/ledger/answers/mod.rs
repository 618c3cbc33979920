//! Answers that are kept so that a repeated request gets them again, and is not charged again.
//!
//! What runs is known in memory only. What has ended is in the store, written in the transaction of what was done for it:
//! of the charge, or of the deed. The index in memory says which requests have an answer. Bodies are opaque here: they come sealed.

mod claim;
mod index;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use domain::{AccountId, CallId};
use sha2::{Digest, Sha256};

pub(crate) use claim::{Claim, Keep};
pub(crate) use index::Taken;

use super::{Ledger, LedgerError, reader};
use crate::clock::Clock;
use index::{Bounds, Index};

/// How long an answer is kept: a day, as clients know it from others.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// The largest body that is kept. The longest answers of models are a quarter of it.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What sealing adds to a body, at most: a nonce and a tag.
const SEAL_BYTES_MAX: usize = 64;

/// Requests of one scope that are running or kept: a client that retries needs a few, a batch some thousands.
const ENTRIES_PER_SCOPE_MAX: usize = 10_000;

/// Bytes of the answers of one scope: sixty-four of the largest, or thousands of usual ones.
const BYTES_PER_SCOPE_MAX: u64 = 64 << 20;

/// Requests of all scopes that are running or kept. They take about a hundred megabytes of memory.
const ENTRIES_MAX: usize = 500_000;

/// Expired answers that are deleted in one transaction. Each may be a megabyte of pages to free, and calls wait
/// meanwhile.
pub(crate) const FORGOTTEN_AT_ONCE: u32 = 32;

/// Whose idempotency keys they are: equal ones of two scopes have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope([u8; 16]);

impl Scope {
    /// The keys of an account, whichever of its API keys is shown.
    #[must_use]
    pub fn of_account(account: AccountId) -> Scope {
        Scope(account.to_bits().to_be_bytes())
    }

    /// The operator's keys, where no account is concerned.
    pub(crate) const OPERATOR: Scope = Scope([0; 16]);

    /// The operator's keys for what concerns an account. They take no room from the account's own, nor those from them:
    /// a customer who fills theirs cannot keep the operator from granting.
    #[must_use]
    pub fn of_operator(account: AccountId) -> Scope {
        Scope::digest(&[b"operator", &account.to_bits().to_be_bytes()])
    }

    /// The keys of callers who have no account yet: each key is for itself.
    #[must_use]
    pub fn of_nobody(key: &[u8]) -> Scope {
        Scope::digest(&[b"nobody", key])
    }

    fn digest(parts: &[&[u8]]) -> Scope {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        let digest: [u8; 32] = hash.finalize().into();
        let mut scope = [0; 16];
        scope.copy_from_slice(&digest[..16]);
        Scope(scope)
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Scope {
        Scope(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Where an answer is kept: the scope, and the digest of route and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) scope: Scope,
    pub(crate) name: [u8; 32],
}

/// A request with an idempotency key, as digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) place: Place,
    /// The digest of what is asked: a repeat has the same.
    pub(crate) request: [u8; 32],
}

/// An answer to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewAnswer {
    /// The request that it answers.
    pub(crate) mark: Mark,
    /// The call that it is the answer of.
    pub(crate) call: Option<CallId>,
    /// Its HTTP status.
    pub(crate) status: u16,
    /// Its content type.
    pub(crate) content_type: String,
    /// Its body; `None` where that is too large to be kept.
    pub(crate) sealed: Option<Bytes>,
    /// Whether it is whole. One that is not is kept only if it was charged for.
    pub(crate) complete: bool,
}

/// An answer as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptAnswer {
    /// The call that it is the answer of.
    pub(crate) call: Option<CallId>,
    /// Its HTTP status.
    pub(crate) status: u16,
    /// Its content type.
    pub(crate) content_type: String,
    /// Its body, sealed; `None` where that was too large to be kept.
    pub(crate) sealed: Option<Bytes>,
}

/// What the index knows of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerEntry {
    /// The request that it answers.
    pub(crate) mark: Mark,
    /// The call that it is the answer of.
    pub(crate) call: Option<CallId>,
    /// Bytes of its body; `None` where that was too large to be kept.
    pub(crate) bytes: Option<u32>,
    /// When it is forgotten, in milliseconds since the Unix epoch.
    pub(crate) expires_at_ms: i64,
}

/// Every request that is running under a key or has a kept answer.
#[derive(Debug)]
pub(super) struct Answers {
    index: Mutex<Index>,
    clock: Clock,
}

impl Answers {
    /// The index of the stored answers, which come in the order in which they expire.
    pub(super) fn open(stored: Vec<AnswerEntry>, clock: Clock) -> Arc<Answers> {
        let bounds = Bounds {
            entries_per_scope: ENTRIES_PER_SCOPE_MAX,
            bytes_per_scope: BYTES_PER_SCOPE_MAX,
            bytes_per_answer: (ANSWER_BYTES_MAX + SEAL_BYTES_MAX) as u64,
            entries: ENTRIES_MAX,
        };
        Arc::new(Answers { index: Mutex::new(Index::open(bounds, stored)), clock })
    }

    /// Claims a request for the caller, who is the first to ask; or says what became of the first.
    pub(super) fn claim(self: &Arc<Answers>, mark: Mark) -> Result<Claim, Taken> {
        self.index().claim(mark, self.clock.now_ms())?;
        Ok(Claim::new(Arc::clone(self), mark))
    }

    /// Drops what has expired from memory.
    pub(super) fn evict(&self) {
        self.index().evict(self.clock.now_ms());
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is whole after a panic: its steps cannot fail half done.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Claims a request with an idempotency key for the caller, who is the first to ask; or says what became of the
    /// first. The store is not asked.
    pub(crate) fn claim(&self, mark: Mark) -> Result<Claim, Taken> {
        self.shared.answers.claim(mark)
    }

    /// The answer that is kept for a request; `None` when it has just been forgotten.
    pub(crate) async fn kept_answer(&self, mark: &Mark) -> Result<Option<KeptAnswer>, LedgerError> {
        let place = mark.place;
        reader::ask(&self.shared.reads, move |store| store.answer(&place)).await
    }

    /// Forgets kept answers that have expired, a few at a time, so that calls are settled in between.
    pub async fn forget_answers(&self) -> Result<(), LedgerError> {
        loop {
            self.shared.answers.evict();
            let now_ms = self.shared.clock.now_ms();
            let forgotten =
                self.on_writer(move |store| store.forget_answers(now_ms, FORGOTTEN_AT_ONCE)).await?;
            if forgotten < FORGOTTEN_AT_ONCE as usize {
                return Ok(());
            }
        }
    }
}
