//! Step 2: who calls. The key is looked up in memory; the database is never asked.

use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderMap};

use super::Refusal;
use crate::gateway::Gateway;
use crate::keys::Key;
use crate::ledger::Account;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key that was shown.
    pub key: Arc<Key>,
    /// The account that pays.
    pub account: Arc<Account>,
}

/// Reads the credential and looks it up. An unknown, a malformed and a revoked key get the same answer.
pub fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<Principal, Refusal> {
    let secret = credential(headers)?;
    let key = gateway.keys.authenticate(secret).ok_or(Refusal::BadKey)?;
    let account = gateway.ledger.account(key.account).ok_or(Refusal::BadKey)?;
    Ok(Principal { key, account })
}

/// The one reader of credentials: `Authorization: Bearer` or `x-api-key`. Two that differ are refused, so that no
/// proxy in front can be made to see another caller than the gateway does.
fn credential(headers: &HeaderMap) -> Result<&str, Refusal> {
    let bearer = match headers.get(AUTHORIZATION) {
        Some(value) => {
            let text = value.to_str().map_err(|_| Refusal::BadKey)?;
            let (scheme, token) = text.split_once(' ').ok_or(Refusal::BadKey)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Refusal::BadKey);
            }
            Some(token.trim())
        }
        None => None,
    };
    let api_key = match headers.get("x-api-key") {
        Some(value) => Some(value.to_str().map_err(|_| Refusal::BadKey)?.trim()),
        None => None,
    };
    match (bearer, api_key) {
        (None, None) => Err(Refusal::NoKey),
        (Some(one), Some(other)) if one != other => Err(Refusal::BadKey),
        (Some(secret), _) | (None, Some(secret)) => Ok(secret),
    }
}
