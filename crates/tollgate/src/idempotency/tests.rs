//! Keys, digests and seals.

use domain::{AccountId, CallId};
use hyper::header::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::key::Key;
use super::seal::{OVERHEAD_BYTES, Seal};
use super::{Asked, HEADER, Refused};
use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::ledger::answers::Mark;
use crate::ledger::{LedgerError, Scope};

fn headers(keys: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for key in keys {
        headers.append(HEADER, hyper::header::HeaderValue::from_bytes(key).unwrap());
    }
    headers
}

fn mark(key: &str, account: u128, route: &str, parts: &[&[u8]]) -> Mark {
    let headers = headers(&[key.as_bytes()]);
    let scope = Scope::of_account(AccountId::from_bits(account));
    Key::read(&headers).unwrap().unwrap().mark(&Asked { scope, route, parts, credential: None })
}

#[test]
fn a_key_is_1_to_255_visible_characters_once() {
    let longest = [b'k'; 255];
    for good in [&b"k"[..], b"8e03978e-40d5-43dd-bc93-6894a57f9324", b"!~\"'", &longest] {
        assert!(Key::read(&headers(&[good])).unwrap().is_some());
    }
    assert!(Key::read(&headers(&[])).unwrap().is_none());
    let too_long = [b'k'; 256];
    for bad in [&b""[..], b"a b", b"tab\there", "schlüssel".as_bytes(), &too_long] {
        assert!(matches!(Key::read(&headers(&[bad])), Err(Refused::BadKey)), "{bad:?}");
    }
    assert!(matches!(Key::read(&headers(&[b"a", b"a"])), Err(Refused::BadKey)), "which one is meant?");
}

#[test]
fn a_request_is_the_same_only_if_nothing_differs() {
    let first = mark("k", 1, "/v1/chat/completions", &[b"", b"body"]);
    assert_eq!(first, mark("k", 1, "/v1/chat/completions", &[b"", b"body"]));
    for elsewhere in [
        mark("K", 1, "/v1/chat/completions", &[b"", b"body"]),
        mark("k", 2, "/v1/chat/completions", &[b"", b"body"]),
        mark("k", 1, "/v1/responses", &[b"", b"body"]),
    ] {
        assert_ne!(first.place, elsewhere.place);
    }
    for other in [&[&b""[..], b"Body"][..], &[b"b", b"ody"], &[b"body", b""], &[b"body"]] {
        let other = mark("k", 1, "/v1/chat/completions", other);
        assert!(first.place == other.place && first.request != other.request);
    }
}

#[test]
fn only_the_same_key_and_credential_open_a_seal() {
    let entropy = Entropy::Counter(Arc::new(AtomicU64::new(0)));
    let (ours, foreign) = (headers(&[b"k"]), headers(&[b"other"]));
    let key = Key::read(&ours).unwrap().unwrap();
    let foreign = Key::read(&foreign).unwrap().unwrap();
    let mark = mark("k", 1, "/keys", &[b"body"]);
    let seal = |key, credential| Seal::new(key, &mark, credential, &entropy).unwrap();
    let sealed = seal(&key, Some(&b"tg-secret"[..])).close(&mark, &[b"the ", b"answer"]).unwrap();
    assert_eq!(sealed.len(), b"the answer".len() + OVERHEAD_BYTES);
    assert!(!sealed.windows(6).any(|bytes| bytes == b"answer"));
    assert_eq!(&seal(&key, Some(&b"tg-secret"[..])).open(&mark, &sealed).unwrap()[..], b"the answer");
    assert!(seal(&key, Some(&b"tg-other"[..])).open(&mark, &sealed).is_none());
    assert!(seal(&key, None).open(&mark, &sealed).is_none());
    assert!(seal(&foreign, Some(&b"tg-secret"[..])).open(&mark, &sealed).is_none());
    let again = seal(&key, Some(&b"tg-secret"[..])).close(&mark, &[b"the answer"]).unwrap();
    assert_ne!(sealed, again, "each has a nonce of its own");
    for at in 0..sealed.len() {
        let mut torn = sealed.to_vec();
        torn[at] ^= 1;
        assert!(seal(&key, Some(&b"tg-secret"[..])).open(&mark, &torn).is_none(), "byte {at}");
    }
    assert!(seal(&key, Some(&b"tg-secret"[..])).open(&mark, &sealed[..5]).is_none());
}

#[test]
fn every_refusal_says_what_to_do() {
    let call = CallId::from_bits(7);
    for (refused, status, code, should_retry) in [
        (Refused::BadKey, 400, "invalid_idempotency_key", None),
        (Refused::InProgress, 409, "idempotency_in_progress", Some(true)),
        (Refused::OtherRequest, 422, "idempotency_mismatch", None),
        (Refused::TooLarge(Some(call)), 409, "idempotency_answer_too_large", Some(false)),
        (Refused::TooLarge(None), 409, "idempotency_answer_too_large", Some(false)),
        (Refused::OtherCredential, 409, "idempotency_other_credential", Some(false)),
        (Refused::Full, 429, "idempotency_full", Some(false)),
        (Refused::Unreadable, 500, "store_failed", None),
        (Refused::Ledger(LedgerError::Closed), 503, "shutting_down", None),
    ] {
        let shown = format!("{refused:?}");
        let error = ApiError::from(refused);
        assert_eq!(
            (error.status.as_u16(), error.code(), error.should_retry),
            (status, Some(code), should_retry)
        );
        assert_eq!(error.retry_after.is_some(), matches!(code, "idempotency_in_progress" | "shutting_down"));
        assert!(
            error.body.message.ends_with('.') || error.body.message.ends_with(&call.to_string()),
            "{shown}"
        );
    }
}
