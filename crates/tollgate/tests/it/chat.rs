//! Chat calls that go well: the answer, its cost, its receipt, the balance.

use serde_json::json;

use crate::harness::{Gateway, MODEL, ask};

#[tokio::test]
async fn a_whole_answer_carries_its_cost_and_the_balance_shows_it() {
    let gateway = Gateway::start().await;
    let before = gateway.balance().await;
    let reply = gateway.client.chat(&ask("Hello")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    assert!(!body["choices"][0]["message"]["content"].as_str().expect("text").is_empty());
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert_eq!(body["usage"]["cost"].to_string(), receipt["total_cost"].to_string());
    assert_eq!(receipt["outcome"], "complete");
    assert_eq!(receipt["rule"], "reported");
    assert_eq!(reply.header("x-tollgate-provider"), "huggingface");
    assert_eq!(reply.header("x-tollgate-model"), MODEL);
    let after = gateway.settled().await;
    assert_eq!(after.spent.to_string(), reply.header("x-tollgate-cost"));
    assert_eq!(before.available.checked_sub(after.spent), Some(after.available));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_ends_with_the_end_mark_and_shows_usage_only_when_asked() {
    let gateway = Gateway::start().await;
    let plain = gateway.client.stream(&ask("Hello")).await;
    assert_eq!(plain.headers["cache-control"], "no-cache");
    assert_eq!(plain.headers["x-accel-buffering"], "no");
    let plain = plain.rest().await;
    assert!(plain.done && plain.usage().is_none() && !plain.text().is_empty(), "{plain:?}");
    let mut asked = ask("Hello");
    asked["stream_options"] = json!({"include_usage": true});
    let told = gateway.client.stream(&asked).await.rest().await;
    let usage = told.usage().expect("usage was asked for");
    assert!(usage["cost"].is_number(), "{usage}");
    assert!(told.raw.ends_with("data: [DONE]\n\n"));
    assert!(gateway.finish().await);
}
