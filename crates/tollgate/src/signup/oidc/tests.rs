//! What an ID token proves, and what it does not.

use std::slice::from_ref;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::jwks::KeySet;
use super::token::{Expected, TOKEN_BYTES_MAX, Token, TokenError};

const NOW_S: i64 = 1_800_000_000;

const EXPECTED: Expected<'_> =
    Expected { issuer: "https://issuer.test/", audience: "tollgate", email_verified: false };

/// An issuer's key, for a token and for its key set.
enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn p256() -> Signer {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Signer::P256(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn ed25519() -> Signer {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Signer::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn jwk(&self) -> Value {
        match self {
            Signer::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..]),
                       "kid": "one", "use": "sig", "alg": "ES256"})
            }
            Signer::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref()), "kid": "one"})
            }
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = match self {
            Signer::P256(pair) => {
                pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
            }
            Signer::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", base64(signature))
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({"iss": "https://issuer.test/", "sub": "ada", "aud": "tollgate", "iat": NOW_S, "exp": NOW_S + 300})
}

fn keys(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

/// The whole check but for where the keys come from.
fn subject(keys: &KeySet, token: &str, expected: Expected<'_>) -> Result<String, TokenError> {
    let token = Token::parse(token)?;
    keys.verify(&token)?;
    token.subject(expected, NOW_S)
}

#[test]
fn a_good_token_names_its_subject_with_every_algorithm() {
    for (signer, alg) in [(Signer::p256(), "ES256"), (Signer::ed25519(), "EdDSA")] {
        let keys = keys(&[signer.jwk()]);
        for header in [json!({"alg": alg, "kid": "one", "typ": "JWT"}), json!({"alg": alg})] {
            let token = signer.token(&header, &claims());
            assert_eq!(subject(&keys, &token, EXPECTED), Ok("ada".to_owned()), "{header}");
        }
    }
}

/// The example of RFC 7515, appendix A.2, which is signed with RS256.
#[test]
fn the_rsa_example_of_the_standard_verifies_and_nothing_near_it() {
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql\
                   L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs\
                   LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud\
                   F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc1\
                 9yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y\
                 Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBM\
                 Hlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUi\
                 pUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let rsa = json!({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256"});
    assert_eq!(keys(from_ref(&rsa)).verify(&Token::parse(token).unwrap()), Ok(()));
    // It has no audience and no subject, so it proves nobody all the same.
    assert!(matches!(subject(&keys(from_ref(&rsa)), token, EXPECTED), Err(TokenError::Malformed(_))));
    let forged = token.replacen(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Vf", 1);
    assert_eq!(keys(from_ref(&rsa)).verify(&Token::parse(&forged).unwrap()), Err(TokenError::Signature));
    for other in [json!({"use": "enc"}), json!({"alg": "RS512"}), json!({"alg": "PS256"})] {
        let mut rsa = rsa.clone();
        rsa.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        assert_eq!(keys(&[rsa]).verify(&Token::parse(token).unwrap()), Err(TokenError::UnknownKey));
    }
}

#[test]
fn a_token_that_the_issuer_did_not_sign_proves_nothing() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let keys = keys(&[signer.jwk()]);
    let header = json!({"alg": "ES256", "kid": "one"});
    let good = signer.token(&header, &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| {
        format!("{}.{}.", base64(json!({ "alg": alg }).to_string()), base64(claims().to_string()))
    };
    let huge = format!("{}.{signed}", "a".repeat(TOKEN_BYTES_MAX));
    // An HMAC whose secret is the public key, as libraries have taken it that let the token choose.
    let hmac = {
        let signed = format!(
            "{}.{}",
            base64(json!({"alg": "HS256", "kid": "one"}).to_string()),
            base64(claims().to_string())
        );
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, signer.jwk().to_string().as_bytes());
        format!("{signed}.{}", base64(ring::hmac::sign(&secret, signed.as_bytes())))
    };
    // Where no error is named, the token is malformed.
    let cases = [
        ("another's key", stranger.token(&header, &claims()), Some(TokenError::Signature)),
        ("none", unsigned("none"), Some(TokenError::Algorithm)),
        ("None", unsigned("None"), Some(TokenError::Algorithm)),
        ("no signature", unsigned("ES256"), Some(TokenError::Signature)),
        ("HS256", hmac, Some(TokenError::Algorithm)),
        ("ES384", unsigned("ES384"), Some(TokenError::Algorithm)),
        (
            "RS256 with a key for ES256",
            good.replacen(
                &base64(header.to_string()),
                &base64(json!({"alg": "RS256", "kid": "one"}).to_string()),
                1,
            ),
            Some(TokenError::UnknownKey),
        ),
        (
            "another kid",
            signer.token(&json!({"alg": "ES256", "kid": "two"}), &claims()),
            Some(TokenError::UnknownKey),
        ),
        ("an access token", signer.token(&json!({"alg": "ES256", "typ": "at+jwt"}), &claims()), None),
        (
            "an extension",
            signer.token(&json!({"alg": "ES256", "crit": ["b64"], "b64": false}), &claims()),
            None,
        ),
        ("huge", huge, None),
        ("two parts", signed.to_owned(), None),
        ("four parts", format!("{good}.{signature}"), None),
        ("padding", format!("{good}="), None),
        ("empty", String::new(), None),
        ("dots", "..".to_owned(), None),
    ];
    for (name, token, wanted) in cases {
        let error = subject(&keys, &token, EXPECTED).unwrap_err();
        match wanted {
            Some(wanted) => assert_eq!(error, wanted, "{name}"),
            None => assert!(matches!(error, TokenError::Malformed(_)), "{name}: {error:?}"),
        }
    }
}

#[test]
fn every_claim_is_checked() {
    let signer = Signer::ed25519();
    let keys = keys(&[signer.jwk()]);
    let with = |change: Value| {
        let mut claims = claims();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        subject(&keys, &signer.token(&json!({"alg": "EdDSA"}), &claims), EXPECTED)
    };
    let good = || Ok("ada".to_owned());
    let malformed = || Err(TokenError::Malformed("a claim is missing or malformed"));
    for (change, verdict) in [
        (json!({}), good()),
        (json!({"iss": "https://issuer.test"}), Err(TokenError::Issuer)),
        (json!({"iss": null}), malformed()),
        (json!({"aud": "Tollgate"}), Err(TokenError::Audience)),
        (json!({"aud": []}), Err(TokenError::Audience)),
        (json!({"aud": ["tollgate"]}), good()),
        (json!({"aud": ["tollgate"], "azp": "other"}), Err(TokenError::Audience)),
        (json!({"aud": ["tollgate", "other"]}), Err(TokenError::Audience)),
        (json!({"aud": ["tollgate", "other"], "azp": "tollgate"}), good()),
        (json!({"aud": ["other"], "azp": "tollgate"}), Err(TokenError::Audience)),
        (json!({"aud": null}), malformed()),
        (json!({"exp": NOW_S - 59}), good()),
        (json!({"exp": NOW_S - 60}), Err(TokenError::Expired)),
        (json!({"exp": null}), malformed()),
        (json!({"exp": "later"}), malformed()),
        (json!({"exp": i64::MAX}), good()),
        (json!({"iat": NOW_S + 60}), good()),
        (json!({"iat": NOW_S + 61}), Err(TokenError::TooEarly)),
        (json!({"iat": null}), malformed()),
        (json!({"nbf": NOW_S + 60}), good()),
        (json!({"nbf": NOW_S + 61}), Err(TokenError::TooEarly)),
        (json!({"sub": null}), malformed()),
        (json!({"sub": 7}), malformed()),
    ] {
        assert_eq!(with(change.clone()), verdict, "{change}");
    }
}

#[test]
fn an_address_is_verified_where_it_has_to_be() {
    let signer = Signer::ed25519();
    let keys = keys(&[signer.jwk()]);
    for (verified, good) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!(null), false),
        (json!(1), false),
    ] {
        let mut claims = claims();
        claims["email_verified"] = verified.clone();
        let token = signer.token(&json!({"alg": "EdDSA"}), &claims);
        assert!(subject(&keys, &token, EXPECTED).is_ok());
        let strict = Expected { email_verified: true, ..EXPECTED };
        assert_eq!(subject(&keys, &token, strict).is_ok(), good, "{verified}");
    }
}

#[test]
fn a_key_set_is_read_as_far_as_it_is_understood() {
    let signer = Signer::p256();
    let strange = json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"});
    let secret = json!({"kty": "oct", "k": "AA"});
    let broken = json!({"kty": "EC", "crv": "P-256", "x": "not base64!", "y": "AA"});
    let keys = keys(&[strange, secret, broken, json!(7), signer.jwk()]);
    let token = signer.token(&json!({"alg": "ES256"}), &claims());
    assert_eq!(subject(&keys, &token, EXPECTED), Ok("ada".to_owned()));
    for nothing in ["", "[]", "{}", "{\"keys\": {}}"] {
        assert!(KeySet::parse(nothing.as_bytes()).is_none(), "{nothing}");
    }
}
