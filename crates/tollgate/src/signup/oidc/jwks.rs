//! The keys that an issuer publishes (RFC 7517), and whether one of them made a signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::token::{Algorithm, Token, TokenError};

/// Keys of one issuer that are looked at: the current ones and some before, many times over.
const KEYS_MAX: usize = 64;

/// What an issuer published.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    material: Material,
}

/// A public key. Its kind, not the token, decides how a signature is checked.
#[derive(Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a key set. Keys that are not for signatures, or of other kinds, are left out, as the standard asks.
    pub(super) fn parse(json: &[u8]) -> Option<KeySet> {
        let published: Published = serde_json::from_slice(json).ok()?;
        let keys = published.keys.into_iter().take(KEYS_MAX);
        let keys = keys.filter_map(|key| Key::of(serde_json::from_value(key).ok()?));
        Some(KeySet { keys: keys.collect() })
    }

    /// Whether a key of the set made the token's signature: the key that the token names, or any when it names none.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), TokenError> {
        let named = |key: &&Key| token.key_id.is_none() || key.id == token.key_id;
        let mut candidates = self
            .keys
            .iter()
            .filter(named)
            .filter(|key| key.material.algorithm() == token.algorithm)
            .peekable();
        if candidates.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        if candidates.any(|key| key.material.signed(token)) { Ok(()) } else { Err(TokenError::Signature) }
    }
}

impl Key {
    fn of(jwk: Jwk) -> Option<Key> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? },
            ("EC", Some("P-256")) => Material::P256([vec![4], bytes(&jwk.x)?, bytes(&jwk.y)?].concat()),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
            _ => return None,
        };
        let for_signatures = jwk.purpose.is_none_or(|purpose| purpose == "sig");
        let as_published = jwk.alg.is_none_or(|alg| Algorithm::parse(&alg) == Some(material.algorithm()));
        (for_signatures && as_published).then_some(Key { id: jwk.kid, material })
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn signed(&self, token: &Token<'_>) -> bool {
        let verified = match self {
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                token.signed,
                &token.signature,
            ),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(token.signed, &token.signature)
            }
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(token.signed, &token.signature)
            }
        };
        verified.is_ok()
    }
}
