//! `Idempotency-Key`: a request that is repeated with its key gets the answer of the first, and happens once.
//!
//! The key is hashed at the door and stored nowhere. An answer is kept sealed under what only the client has: its key,
//! and also its credential where the answer holds a secret.

mod expiry;
mod key;
mod refused;
mod replay;
mod seal;
#[cfg(test)]
mod tests;

use hyper::header::HeaderMap;

pub(crate) use expiry::run_expiry;
pub use refused::Refused;
pub(crate) use replay::Replay;

use crate::entropy::Entropy;
use crate::ledger::answers::{ANSWER_BYTES_MAX, Claim, Keep, Taken};
use crate::ledger::{Ledger, Scope};
use domain::CallId;
use key::Key;
use seal::Seal;

/// The request header.
pub(crate) const HEADER: &str = "idempotency-key";

/// What makes a request the same as another one with an equal key.
pub(crate) struct Asked<'a> {
    /// Whose key it is.
    pub(crate) scope: Scope,
    /// Where it is sent: a key of one route is none of another.
    pub(crate) route: &'a str,
    /// All that changes its meaning: the exact bytes of its body, and headers that are read.
    pub(crate) parts: &'a [&'a [u8]],
    /// Who may read the answer again, where it holds a secret.
    pub(crate) credential: Option<&'a [u8]>,
}

/// What a request with an idempotency key is.
pub(crate) enum Begun {
    /// The first: it runs, and its answer is kept.
    First(Once),
    /// A repeat, with the answer of the first.
    Repeat(Replay),
}

/// The right to answer a request once. Dropping it lets the next one with its key run.
#[must_use = "dropping it lets the next request with its key run"]
#[derive(Debug)]
pub(crate) struct Once {
    claim: Claim,
    seal: Seal,
}

/// An answer that is to be kept.
pub(crate) struct Answer<'a> {
    /// The call that it is the answer of.
    pub(crate) call: Option<CallId>,
    /// Its HTTP status.
    pub(crate) status: u16,
    /// Its content type.
    pub(crate) content_type: &'a str,
    /// Its body, in pieces; `None` where that was too large to be collected.
    pub(crate) body: Option<&'a [&'a [u8]]>,
    /// Whether it is whole.
    pub(crate) complete: bool,
}

/// Says whether a request is the first with its key. `None` where it has none, which costs one look at the headers.
pub(crate) async fn begin(
    ledger: &Ledger,
    entropy: &Entropy,
    headers: &HeaderMap,
    asked: &Asked<'_>,
) -> Result<Option<Begun>, Refused> {
    let Some(key) = Key::read(headers)? else { return Ok(None) };
    let mark = key.mark(asked);
    let seal = Seal::new(&key, &mark, asked.credential, entropy)?;
    match ledger.claim(mark) {
        Ok(claim) => Ok(Some(Begun::First(Once { claim, seal }))),
        Err(Taken::Running) => Err(Refused::InProgress),
        Err(Taken::OtherRequest) => Err(Refused::OtherRequest),
        Err(Taken::TooLarge(call)) => Err(Refused::TooLarge(call)),
        Err(Taken::Full) => Err(Refused::Full),
        Err(Taken::Kept) => {
            // One that has expired since it was looked up makes room for a new try.
            let kept = ledger.kept_answer(&mark).await?.ok_or(Refused::InProgress)?;
            let sealed = kept.sealed.as_deref().ok_or(Refused::TooLarge(kept.call))?;
            let body = seal.open(&mark, sealed).ok_or(match asked.credential {
                Some(_) => Refused::OtherCredential,
                None => Refused::Unreadable,
            })?;
            let (call, status, content_type) = (kept.call, kept.status, kept.content_type);
            Ok(Some(Begun::Repeat(Replay { call, status, content_type, body })))
        }
    }
}

impl Once {
    /// Seals the answer for its storing. One that is too large, or does not fit beside the others of its scope, is kept
    /// without its body: a repeat is told so, and does not happen again.
    pub(crate) fn keep(self, answer: &Answer<'_>) -> Keep {
        let Once { claim, seal } = self;
        let length = |body: &&[&[u8]]| body.iter().map(|piece| piece.len()).sum::<usize>();
        let fits = |body: &&[&[u8]]| {
            length(body) <= ANSWER_BYTES_MAX && claim.reserve(length(body) + seal::OVERHEAD_BYTES)
        };
        let sealed = answer.body.filter(fits).and_then(|body| seal.close(claim.mark(), body));
        Keep::new(claim, answer.call, (answer.status, answer.content_type), sealed, answer.complete)
    }
}
