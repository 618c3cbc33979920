//! A small OpenID Connect issuer: its configuration, its keys, and tokens signed with them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// Whom the tokens are for.
pub(crate) const AUDIENCE: &str = "tollgate-signup";

/// An issuer that listens, until the test's runtime ends.
pub(crate) struct Issuer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    keys: Mutex<Vec<Key>>,
    down: AtomicBool,
    reads: AtomicUsize,
}

struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) async fn start() -> Issuer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            url: format!("http://{address}"),
            keys: Mutex::new(vec![Key::new("first")]),
            down: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Issuer { address, shared }
    }

    /// The section of the gateway's configuration that trusts it.
    pub(crate) fn toml(&self) -> String {
        format!(
            "[signup]\nenabled = true\nverifier = \"oidc\"\n[signup.oidc]\nissuer = \"http://{}\"\n\
             audience = \"{AUDIENCE}\"\n",
            self.address
        )
    }

    /// Answers with errors from now on, or no longer.
    pub(crate) fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Relaxed);
    }

    /// How often its keys were read.
    pub(crate) fn reads(&self) -> usize {
        self.shared.reads.load(Ordering::Relaxed)
    }

    /// Signs with a new key from now on; the old one is gone.
    pub(crate) fn rotate(&self, id: &str) {
        *self.shared.keys.lock().expect("keys") = vec![Key::new(id)];
    }

    /// The claims of a good token.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let now_s = now_s();
        json!({"iss": self.shared.url, "sub": subject, "aud": AUDIENCE, "iat": now_s, "exp": now_s + 300})
    }

    /// A token of these claims, signed with the key of now.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let keys = self.shared.keys.lock().expect("keys");
        let key = keys.last().expect("a key");
        key.sign(&json!({"alg": "ES256", "typ": "JWT", "kid": key.id}), claims)
    }

    /// The same under another header.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.shared.keys.lock().expect("keys").last().expect("a key").sign(header, claims)
    }
}

impl Key {
    fn new(id: &str) -> Key {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        Key { id: id.to_owned(), pair }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "alg": "ES256",
               "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", encode(signature))
    }
}

async fn configuration(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    let answer = json!({"issuer": shared.url, "jwks_uri": format!("{}/keys", shared.url)});
    (shared.status(), answer.to_string())
}

async fn keys(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    shared.reads.fetch_add(1, Ordering::Relaxed);
    let keys: Vec<_> = shared.keys.lock().expect("keys").iter().map(Key::jwk).collect();
    (shared.status(), json!({ "keys": keys }).to_string())
}

impl Shared {
    fn status(&self) -> StatusCode {
        if self.down.load(Ordering::Relaxed) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(clippy::disallowed_methods, reason = "tokens carry the time of this machine, as an issuer's do")]
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}
