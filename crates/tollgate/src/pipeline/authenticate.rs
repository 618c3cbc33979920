//! Step 2: who calls. The key is looked up in memory; the database is never asked.

use std::sync::Arc;

use axum::http::request::Parts;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::address::client_address;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::keys::{Actor, Key};
use crate::ledger::Account;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key that was shown.
    pub key: Arc<Key>,
    /// As whom it manages keys, if its role is to.
    pub actor: Actor,
    /// The account that pays.
    pub account: Arc<Account>,
}

/// Reads the credential and looks it up. An unknown, a malformed and a revoked key get the same answer; who shows the
/// right secret is told that the key has expired, that it may not be used from there, or that the trial is over.
pub fn authenticate(gateway: &Gateway, parts: &Parts) -> Result<Principal, Refusal> {
    let secret = credential(&parts.headers)?;
    let (key, actor) = gateway.keys.authenticate(secret).ok_or(Refusal::BadKey)?;
    if let Some(expires_at_ms) = key.rights.expires_at_ms
        && !key.rights.are_live_at(gateway.clock.now_ms())
    {
        return Err(Refusal::KeyExpired { expires_at_ms });
    }
    if key.rights.networks.is_some() {
        let address = client_address(parts, &gateway.config.server.trusted_proxies);
        if !address.is_some_and(|address| key.rights.allow_address(address)) {
            return Err(Refusal::AddressNotAllowed(address));
        }
    }
    let account = gateway.ledger.account(key.account).ok_or(Refusal::BadKey)?;
    if let Some(ended_at_ms) = account.trial_over(|| gateway.clock.now_ms()) {
        return Err(Refusal::TrialOver { ended_at_ms });
    }
    Ok(Principal { key, actor, account })
}

/// The one reader of credentials: `Authorization: Bearer` or `x-api-key`. Several that differ are refused, so
/// that no proxy in front can be made to see another caller than the gateway does.
pub fn credential(headers: &HeaderMap) -> Result<&str, Refusal> {
    let bearers = headers.get_all(AUTHORIZATION).into_iter().map(bearer);
    let api_keys = headers.get_all("x-api-key").into_iter().map(|value| text(value).map(str::trim));
    let mut secret = None;
    for shown in bearers.chain(api_keys) {
        let shown = shown?;
        if secret.replace(shown).is_some_and(|earlier| earlier != shown) {
            return Err(Refusal::BadKey);
        }
    }
    secret.ok_or(Refusal::NoKey)
}

fn bearer(value: &HeaderValue) -> Result<&str, Refusal> {
    match text(value)?.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::BadKey),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Refusal> {
    value.to_str().map_err(|_| Refusal::BadKey)
}
