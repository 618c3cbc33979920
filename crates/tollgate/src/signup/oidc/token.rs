//! An ID token: a JWT in compact form (RFC 7515, RFC 7519), taken apart, and its claims checked (OpenID Connect Core
//! 1.0, section 3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The longest token in bytes. Issuers that put groups into theirs stay below it.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY_S: i64 = 60;

/// How an issuer may sign. A closed list of signatures with public keys: `none` and shared secrets are not on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// Why a token was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is no signed JWT with the claims of an ID token.
    #[error("it is no ID token: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that is not accepted.
    #[error("its algorithm is not accepted: RS256, ES256 and EdDSA are")]
    Algorithm,
    /// The issuer has no such key.
    #[error("the issuer has no key that it names")]
    UnknownKey,
    /// The signature is not the issuer's.
    #[error("its signature is not the issuer's")]
    Signature,
    /// Another issuer made it.
    #[error("it is of another issuer")]
    Issuer,
    /// It was made for another audience.
    #[error("it is for another audience")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    TooEarly,
    /// It names nobody, or not in a way that an issuer may.
    #[error("its subject is missing or malformed")]
    Subject,
    /// The e-mail address has to be verified, and is not.
    #[error("its e-mail address is not verified")]
    EmailUnverified,
}

/// A token taken apart. Nothing in it is true before its signature is.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// How it says that it is signed.
    pub(super) algorithm: Algorithm,
    /// The key that it names.
    pub(super) key_id: Option<String>,
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
    claims: &'a str,
}

/// Whom and what a token must be for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// The issuer, exactly.
    pub(super) issuer: &'a str,
    /// The audience, exactly.
    pub(super) audience: &'a str,
    /// Whether the e-mail address has to be verified.
    pub(super) email_verified: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    iat: i64,
    email_verified: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Algorithm {
    /// The algorithm of that name.
    pub(super) fn parse(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(super) fn parse(text: &'a str) -> Result<Token<'a>, TokenError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed("it is too long"));
        }
        let parts = TokenError::Malformed("it has not three parts");
        let (signed, signature) = text.rsplit_once('.').ok_or(parts.clone())?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(parts)?;
        let header: Header = decode(header, "its header is malformed")?;
        let algorithm = Algorithm::parse(&header.alg).ok_or(TokenError::Algorithm)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed("it depends on an extension"));
        }
        // A token of another type, such as an access token, can have the same audience, and proves nobody's presence.
        if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(TokenError::Malformed("it is a token of another type"));
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenError::Malformed("its signature is malformed"))?;
        Ok(Token { algorithm, key_id: header.kid, signed: signed.as_bytes(), signature, claims })
    }

    /// Checks the claims, once the signature is known to be the issuer's, and returns the subject. `now_s` is in
    /// seconds since the Unix epoch.
    pub(super) fn subject(&self, expected: Expected<'_>, now_s: i64) -> Result<String, TokenError> {
        let claims: Claims = decode(self.claims, "a claim is missing or malformed")?;
        if claims.iss != expected.issuer {
            return Err(TokenError::Issuer);
        }
        if !claims.is_for(expected.audience) {
            return Err(TokenError::Audience);
        }
        if now_s >= claims.exp.saturating_add(LEEWAY_S) {
            return Err(TokenError::Expired);
        }
        let latest = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat));
        if latest > now_s.saturating_add(LEEWAY_S) {
            return Err(TokenError::TooEarly);
        }
        if expected.email_verified && !claims.email_is_verified() {
            return Err(TokenError::EmailUnverified);
        }
        Ok(claims.sub)
    }
}

impl Claims {
    /// Whether `audience` is whom the token was made for. Of several, the issuer has to name it as the one that asked.
    fn is_for(&self, audience: &str) -> bool {
        let party = self.azp.as_deref();
        match &self.aud {
            Audience::One(one) => one == audience && party.is_none_or(|party| party == audience),
            Audience::Many(many) if many.len() == 1 => {
                many[0] == audience && party.is_none_or(|party| party == audience)
            }
            Audience::Many(many) => many.iter().any(|one| one == audience) && party == Some(audience),
        }
    }

    /// Some issuers write the boolean as a string.
    fn email_is_verified(&self) -> bool {
        match &self.email_verified {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(word)) => word == "true",
            _ => false,
        }
    }
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str, what: &'static str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed(what))?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed(what))
}
