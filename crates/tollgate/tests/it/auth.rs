//! Who may call: how a key is shown, and what every other way of asking gets.

use bytes::Bytes;
use hyper::Method;
use serde_json::json;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, ask};

/// A route that needs a key and no body.
const MODELS: &str = "/v1/models";

async fn get(client: &Client, headers: &[(&str, &str)]) -> Reply {
    Reply::read(client.send_with(Method::GET, MODELS, headers, Bytes::new()).await).await
}

#[tokio::test]
async fn a_key_is_taken_as_bearer_or_as_x_api_key() {
    let gateway = Gateway::start().await;
    let key = gateway.key.as_str();
    let nobody = gateway.client.with_key("");
    let bearer = |scheme: &str| format!("{scheme} {key}");
    let [plain, lower, upper, spaced] =
        [bearer("Bearer"), bearer("bearer"), bearer("BEARER"), bearer("Bearer  ")];
    for headers in [
        &[("authorization", plain.as_str())][..],
        &[("authorization", lower.as_str())],
        &[("authorization", upper.as_str())],
        &[("authorization", spaced.as_str())],
        &[("x-api-key", key)],
        &[("X-API-Key", key)],
        &[("authorization", plain.as_str()), ("x-api-key", key)],
        &[("authorization", plain.as_str()), ("authorization", plain.as_str())],
    ] {
        let reply = get(&nobody, headers).await;
        assert_eq!(reply.status, 200, "{headers:?}: {reply:?}");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn everything_else_is_refused_alike() {
    let gateway = Gateway::start().await;
    let key = gateway.key.as_str();
    let nobody = gateway.client.with_key("");
    let good = format!("Bearer {key}");
    let (longer, shorter) = (format!("Bearer {key}x"), format!("Bearer {}", &key[..key.len() - 1]));
    let other_case = format!("Bearer {}", key.to_uppercase());
    let (huge, basic) = (format!("Bearer {}", "x".repeat(20_000)), format!("Basic {key}"));
    let (token, twice) = (format!("Token {key}"), format!("Bearer {key}, Bearer {key}"));
    for headers in [
        &[("authorization", "Bearer")][..],
        &[("authorization", "Bearer ")],
        &[("authorization", "")],
        &[("authorization", key)],
        &[("authorization", "Bearer tg-unknown-key")],
        &[("authorization", longer.as_str())],
        &[("authorization", shorter.as_str())],
        &[("authorization", other_case.as_str())],
        &[("authorization", huge.as_str())],
        &[("authorization", basic.as_str())],
        &[("authorization", token.as_str())],
        &[("authorization", twice.as_str())],
        &[("authorization", "Bearer clé")],
        &[("x-api-key", "")],
        &[("x-api-key", "ключ")],
        // Two that differ: a proxy in front may have looked at the other one.
        &[("authorization", good.as_str()), ("x-api-key", "tg-other")],
        &[("authorization", good.as_str()), ("authorization", "Bearer tg-other")],
        &[("authorization", "Bearer tg-other"), ("authorization", good.as_str())],
        &[("x-api-key", key), ("x-api-key", "tg-other")],
    ] {
        let reply = get(&nobody, headers).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "invalid_api_key"), "{headers:?}");
        assert_eq!(reply.json()["error"]["message"], "The API key is not valid.", "{headers:?}");
        assert!(!reply.call_id().is_empty());
    }
    let unnamed = get(&nobody, &[]).await;
    assert_eq!((unnamed.status.as_u16(), unnamed.code().as_str()), (401, "invalid_api_key"));
    assert!(unnamed.json()["error"]["message"].as_str().expect("text").starts_with("No API key was given."));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn every_route_with_content_needs_a_key_and_a_refused_call_leaves_nothing() {
    let gateway = Gateway::start().await;
    let nobody = gateway.client.with_key("tg-nobody");
    for path in [MODELS, "/v1/models/openai/gpt-oss-20b", "/v1/generation?id=1", "/v1/credits", "/v1/key"] {
        assert_eq!(nobody.get(path).await.status, 401, "{path}");
    }
    // The key is looked at before the body, so that nobody without one can make the gateway read.
    for body in [ask("Hi").to_string(), "no JSON".to_owned(), "x".repeat(1 << 20)] {
        let reply = nobody.post("/v1/chat/completions", body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "invalid_api_key"));
    }
    assert!(gateway.sim.requests().iter().all(|request| request.path == MODELS), "nothing was sent on");
    let receipts = gateway.admin.get(&format!("/admin/activity?account={}", gateway.account)).await.json();
    assert_eq!(receipts["data"], json!([]));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_revoked_key_stops_at_once_and_the_others_do_not() {
    let gateway = Gateway::start().await;
    let path = format!("/admin/accounts/{}/keys", gateway.account);
    let made = gateway.admin.post(&path, json!({"name": "second"}).to_string()).await.json();
    let second = gateway.client.with_key(made["secret"].as_str().expect("a secret"));
    assert_eq!(second.chat(&ask("Hi")).await.status, 200);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(gateway.admin.delete(&format!("/admin/keys/{id}")).await.status, 200);
    let refused = second.chat(&ask("Hi")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "invalid_api_key"));
    assert_eq!(refused.json()["error"]["message"], "The API key is not valid.", "as for an unknown key");
    assert_eq!(gateway.client.chat(&ask("Hi")).await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}
