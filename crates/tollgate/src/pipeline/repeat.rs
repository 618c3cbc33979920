//! Step 3: a request with an `Idempotency-Key` is answered once. A repeat gets the answer of the first, without a call.

use hyper::http::request::Parts;

use super::PROVIDER_HEADER;
use super::asked::SESSION_ID_HEADER;
use super::record::Record;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::idempotency::{self, Asked, Begun, HEADER, Replay};
use crate::ledger::Scope;

/// Notes in the record that this is the first request with its key, or returns the answer of the first.
pub(super) async fn earlier_answer(
    gateway: &Gateway,
    record: &mut Record,
    head: &Parts,
    body: &[u8],
) -> Result<Option<Replay>, Refusal> {
    if !head.headers.contains_key(HEADER) {
        return Ok(None);
    }
    // What changes the meaning of a request: the bytes of its body, and what is read besides: the query, two headers.
    let header = |name: &str| head.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let (provider, session) = (header(PROVIDER_HEADER), header(SESSION_ID_HEADER));
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let asked = Asked {
        scope: Scope::of_account(record.account()),
        route: head.uri.path(),
        parts: &[provider, session, query, body],
        // The answer is the account's: each of its keys may have it.
        credential: None,
    };
    let begun = idempotency::begin(&gateway.ledger, gateway.keys.entropy(), &head.headers, &asked).await;
    match begun.map_err(Refusal::Idempotency)? {
        None => Ok(None),
        Some(Begun::Repeat(replay)) => Ok(Some(replay)),
        Some(Begun::First(once)) => {
            record.keeps(once);
            Ok(None)
        }
    }
}
