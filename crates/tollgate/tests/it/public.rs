//! What a client can ask for besides an answer: its key, its credit, its receipts, and whether the gateway is up.

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{Balance, Gateway, MODEL, Setup, ask};

/// Another account of the same gateway, with a key and credit.
pub(crate) async fn stranger(gateway: &Gateway) -> Client {
    let account = gateway.admin.post("/admin/accounts", json!({"name": "stranger"}).to_string()).await.json();
    let id = account["id"].as_str().expect("an id");
    let grant = json!({"amount": "1.00", "reference": "first"}).to_string();
    assert_eq!(gateway.admin.post(&format!("/admin/accounts/{id}/grants"), grant).await.status, 200);
    let keys = format!("/admin/accounts/{id}/keys");
    let made = gateway.admin.post(&keys, json!({"name": "its key"}).to_string()).await.json();
    gateway.client.with_key(made["secret"].as_str().expect("a secret"))
}

#[tokio::test]
async fn a_receipt_is_shown_to_its_own_account_and_to_no_other() {
    let gateway = Gateway::start().await;
    let stranger = stranger(&gateway).await;
    let call = stranger.chat(&ask("Hello")).await.call_id();
    let path = format!("/v1/generation?id={call}");
    let own = stranger.get(&path).await;
    assert_eq!((own.status.as_u16(), &own.json()["data"]["id"]), (200, &json!(call)));
    let foreign = gateway.client.get(&path).await;
    let last = call.chars().next_back().expect("an id");
    let other = format!("{}{}", &call[..call.len() - 1], if last == '0' { '1' } else { '0' });
    for unknown in [other.as_str(), "", "nonsense", "call_", "%00", "99999999999999999999"] {
        let reply = gateway.client.get(&format!("/v1/generation?id={unknown}")).await;
        assert_eq!(reply.status, 404, "{unknown}");
        assert_eq!(reply.body, foreign.body, "{unknown}: nothing tells them apart");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_receipt_says_everything_about_its_call() {
    let gateway = Gateway::start().await;
    let reply = gateway.client.chat(&ask("Hello")).await;
    let usage = reply.json()["usage"].clone();
    let receipt = gateway.receipt(&reply.call_id()).await;
    let expected = json!({
        "id": reply.call_id(),
        "model": MODEL,
        "model_asked": MODEL,
        "provider_name": "huggingface",
        "inference_provider": "cerebras",
        "streamed": false,
        "cancelled": false,
        "finish_reason": reply.json()["choices"][0]["finish_reason"],
        "outcome": "complete",
        "rule": "reported",
        "status": 200,
        "error_code": null,
        "attempts": 1,
        "tokens_prompt": usage["prompt_tokens"],
        "tokens_completion": usage["completion_tokens"],
        "native_tokens_prompt": usage["prompt_tokens"],
        "native_tokens_completion": usage["completion_tokens"],
        "native_tokens_reasoning": usage["completion_tokens_details"]["reasoning_tokens"],
        "native_tokens_cached": 0,
        "usage_source": "reported",
        "upstream_id": reply.json()["id"],
        "route": reply.header("x-tollgate-route"),
        // An answer in one piece has no first token of its own.
        "latency": null,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&receipt[name], value, "{name} in {receipt}");
    }
    assert_eq!(receipt["total_cost"].to_string(), reply.header("x-tollgate-cost"));
    let numbers = ["held", "uncollected", "created_at_ms", "generation_time"];
    assert!(numbers.iter().all(|name| receipt[name].is_number()), "{receipt}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn credits_and_key_show_the_money_in_openrouters_shape() {
    let gateway = Gateway::start_with(Setup { credit: "0.50", ..Setup::default() }).await;
    gateway.client.chat(&ask("Hello")).await;
    let balance = gateway.settled().await;
    let Balance { granted, available, held, spent } = balance;
    // Compared as text: a number that was read is no longer exact.
    let credits = gateway.client.get("/v1/credits").await;
    let exact = format!(
        "{{\"data\":{{\"total_credits\":{granted},\"total_usage\":{spent},\"available\":{available},\"held\":{held}}}}}"
    );
    assert_eq!(credits.body, exact);
    let key = gateway.client.get("/v1/key").await;
    let text = String::from_utf8(key.body.to_vec()).expect("UTF-8");
    let exact = format!("\"limit\":{granted},\"limit_remaining\":{available},\"usage\":{spent},");
    assert!(text.contains(&exact), "{text}");
    let key = key.json()["data"].clone();
    assert_eq!(key["account_id"], gateway.account.as_str());
    assert!(gateway.key.starts_with(key["prefix"].as_str().expect("a prefix")));
    assert!(!key.to_string().contains(&gateway.key), "the secret is not shown again");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_metered_account_has_no_limit() {
    let kind = domain::AccountKind::Metered;
    let gateway = Gateway::start_with(Setup { credit: "0", kind, ..Setup::default() }).await;
    let key = gateway.client.get("/v1/key").await.json()["data"].clone();
    assert_eq!((&key["limit"], &key["limit_remaining"]), (&Value::Null, &Value::Null));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn anyone_may_ask_whether_the_gateway_is_up() {
    let gateway = Gateway::start().await;
    let nobody = gateway.client.with_key("");
    let live = nobody.get("/healthz").await;
    assert_eq!((live.status.as_u16(), &live.body[..]), (200, &b"ok"[..]));
    let ready = nobody.get("/readyz").await;
    assert_eq!(ready.json(), json!({"status": "ready", "catalogue": "loaded", "ledger": "ok"}));
    assert!(!live.call_id().is_empty() && !ready.call_id().is_empty());
    assert!(gateway.finish().await);
}
