//! Sign-up with an OpenID Connect issuer: its tokens, and nobody else's, open one trial each.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup, ask};
use crate::issuer::{AUDIENCE, Issuer, encode, now_s};
use crate::signup::{error, rows};

/// Visitors in the stampede.
const VISITORS: usize = 1_000;

async fn gateway_of(issuer: &Issuer) -> Gateway {
    Gateway::start_with(Setup { toml: issuer.toml(), ..Setup::default() }).await
}

async fn present(gateway: &Gateway, token: &str) -> Reply {
    Client::new(&gateway.url, "").post("/v1/signup", json!({ "id_token": token }).to_string()).await
}

#[tokio::test]
async fn a_thousand_sign_ups_of_one_identity_open_one_trial() {
    let issuer = Issuer::start().await;
    let gateway = gateway_of(&issuer).await;
    let body = json!({ "id_token": issuer.token(&issuer.claims("ada")) }).to_string();
    let start = Arc::new(Barrier::new(VISITORS));
    let mut visitors = JoinSet::new();
    for _ in 0..VISITORS {
        let (client, body, start) = (Client::new(&gateway.url, ""), body.clone(), Arc::clone(&start));
        visitors.spawn(async move {
            start.wait().await;
            // A visitor whom a busy gateway could not serve in time asks again, as it is told.
            loop {
                let reply = client.post("/v1/signup", body.clone()).await;
                if reply.status != 503 {
                    return reply;
                }
            }
        });
    }
    let replies = visitors.join_all().await;
    let (opened, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((opened.len(), refused.len()), (1, VISITORS - 1));
    for reply in &refused {
        assert_eq!(error(reply), (409, "already_registered".to_owned()));
    }
    assert_eq!(rows(&gateway), (1, 1, 1));
    assert_eq!(issuer.reads(), 1, "one sign-up reads the keys for all");
    let trial = opened[0].json();
    let visitor = gateway.client.with_key(trial["key"]["secret"].as_str().expect("a secret"));
    assert_eq!(visitor.chat(&ask("Hello")).await.status, 200);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_token_that_is_not_for_us_opens_nothing() {
    let issuer = Issuer::start().await;
    let gateway = gateway_of(&issuer).await;
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = issuer.claims("ada");
        claims[name] = value;
        issuer.token(&claims)
    };
    let good = issuer.claims("ada");
    let hmac = {
        let signed = format!("{}.{}", encode(json!({"alg": "HS256"}).to_string()), encode(good.to_string()));
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, AUDIENCE.as_bytes());
        format!("{signed}.{}", encode(ring::hmac::sign(&secret, signed.as_bytes())))
    };
    for (name, token) in [
        ("another audience", changed("aud", json!("somebody-else"))),
        ("another issuer", changed("iss", json!("https://issuer.example"))),
        ("expired", changed("exp", json!(now_s() - 61))),
        ("not yet", changed("nbf", json!(now_s() + 300))),
        ("nobody", changed("sub", json!(""))),
        ("none", format!("{}.{}.", encode(json!({"alg": "none"}).to_string()), encode(good.to_string()))),
        ("HS256", hmac),
        ("huge", "a".repeat(40_000)),
        ("text", "not a token".to_owned()),
    ] {
        let reply = present(&gateway, &token).await;
        assert_eq!(error(&reply), (403, "invalid_id_token".to_owned()), "{name}");
        assert_eq!(reply.json()["error"]["param"], json!("id_token"));
    }
    assert_eq!(rows(&gateway), (0, 0, 0));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn keys_that_the_issuer_changes_are_read_anew_and_not_for_every_liar() {
    let issuer = Issuer::start().await;
    let gateway = gateway_of(&issuer).await;
    assert_eq!(present(&gateway, &issuer.token(&issuer.claims("ada"))).await.status, 201);
    let old = issuer.token(&issuer.claims("bob"));
    issuer.rotate("second");
    assert_eq!(present(&gateway, &issuer.token(&issuer.claims("eve"))).await.status, 201);
    assert_eq!(issuer.reads(), 2);
    // The old key is gone with what it signed. Names that no key has cost the issuer no more than a few reads.
    assert_eq!(present(&gateway, &old).await.status, 403);
    for at in 0..8 {
        let header = json!({"alg": "ES256", "kid": format!("liar {at}")});
        let reply = present(&gateway, &issuer.token_with(&header, &issuer.claims("liar"))).await;
        assert_eq!(error(&reply), (403, "invalid_id_token".to_owned()));
    }
    assert_eq!(issuer.reads(), 4);
    assert_eq!(rows(&gateway), (2, 2, 2));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_a_503_and_nothing_else_suffers() {
    let issuer = Issuer::start().await;
    issuer.set_down(true);
    let gateway = gateway_of(&issuer).await;
    let token = issuer.token(&issuer.claims("ada"));
    let reply = present(&gateway, &token).await;
    assert_eq!(error(&reply), (503, "issuer_unavailable".to_owned()));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    issuer.set_down(false);
    assert_eq!(present(&gateway, &token).await.status, 201, "the visitor who comes again gets in");
    assert!(gateway.finish().await);
}
