//! What a request is put together from: stored items that it refers to, a history, and what is new. However they are
//! combined, memory and upstream see no more than the limits say.

use serde_json::{Value, json};

use crate::client::Client;
use crate::dialects::Dialect;
use crate::harness::{Gateway, MODEL};
use crate::sessions::items;

/// Adds messages of a user to a new conversation; the conversation, and the ids of the items.
async fn conversation(client: &Client, texts: &[&str]) -> (String, Vec<String>) {
    let said: Vec<Value> = texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
    let made = client.post("/v1/conversations", json!({"items": said}).to_string()).await.json();
    let id = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let listed = client.get(&format!("/v1/conversations/{id}/items?order=asc")).await.json();
    let ids = listed["data"].as_array().expect("items").iter();
    (id, ids.map(|item| item["id"].as_str().expect("an id").to_owned()).collect())
}

#[tokio::test]
async fn references_stand_where_they_were_written_and_are_bounded_together() {
    let gateway = Gateway::start().await;
    let large = "x".repeat(4_000_000);
    let (_, ids) = conversation(&gateway.client, &["One", "Two", &large]).await;
    let refers = |id: &str| json!({"type": "item_reference", "id": id});
    let says = |text: &str| json!({"role": "user", "content": text});
    let mut body = Dialect::Responses.ask("");
    body["input"] = json!([
        refers(&ids[0]),
        says("first"),
        refers(&ids[1]),
        refers(&ids[0]),
        says("second"),
        refers(&ids[1])
    ]);
    let seen = Dialect::Responses.call(&gateway.client, &body).await;
    assert_eq!(seen.status, 200, "{}", seen.raw);
    let told = ["One", "first", "Two", "One", "second", "Two"].map(|text| format!("user: {text}"));
    assert_eq!(gateway.heard(), told);
    // A small request that would come to 400 MB.
    let sent = gateway.chats().len();
    body["input"] = json!(vec![refers(&ids[2]); 100]);
    for path in ["/v1/responses", "/v1/responses/input_tokens"] {
        let refused = gateway.client.post(path, body.to_string()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "context_length_exceeded"),
            "{path}"
        );
    }
    // One that is not there is named.
    body["input"] = json!([refers(&ids[0]), refers("msg_nowhere")]);
    let refused = gateway.client.post("/v1/responses", body.to_string()).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (404, "item_not_found"));
    assert_eq!(gateway.chats().len(), sent);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_history_can_be_asked_without_a_new_message() {
    let gateway = Gateway::start().await;
    let (id, _) = conversation(&gateway.client, &["What is left to say?"]).await;
    let body = json!({"model": MODEL, "conversation": id});
    let counted = gateway.client.post("/v1/responses/input_tokens", body.to_string()).await;
    assert_eq!(counted.status, 200, "{counted:?}");
    assert!(counted.json()["input_tokens"].as_u64().expect("a count") > 0);
    let seen = Dialect::Responses.call(&gateway.client, &body).await;
    assert_eq!((seen.status, seen.complete), (200, true), "{}", seen.raw);
    assert_eq!(gateway.heard(), ["user: What is left to say?"]);
    let told = items(&gateway.client, &id).await;
    assert_eq!(told, ["user: What is left to say?".to_owned(), format!("assistant: {}", seen.text)]);
    let on = json!({"model": MODEL, "previous_response_id": seen.response()});
    let seen = Dialect::Responses.call(&gateway.client, &on).await;
    assert_eq!(seen.status, 200, "{}", seen.raw);
    assert_eq!(gateway.heard(), told);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// A question in a conversation whose stream breaks off.
fn broken(session: &str) -> Value {
    let mut body = Dialect::Responses.ask("Once [[sim tokens=20 reasoning=0 cut_after=8]]");
    (body["stream"], body["session_id"]) = (json!(true), json!(session));
    body
}

#[tokio::test]
async fn a_try_that_fails_is_no_part_of_the_conversation() {
    let gateway = Gateway::start().await;
    for _ in 0..2 {
        let failed = Dialect::Responses.call(&gateway.client, &broken("mine")).await;
        assert_eq!((failed.status, failed.complete), (200, false), "{}", failed.raw);
        let kept = gateway.client.get(&format!("/v1/responses/{}", failed.response())).await.json();
        assert_eq!(kept["status"], "failed");
    }
    let mut good = Dialect::Responses.ask("Once");
    good["session_id"] = json!("mine");
    let seen = Dialect::Responses.call(&gateway.client, &good).await;
    assert_eq!((seen.status, gateway.heard()), (200, vec!["user: Once".to_owned()]), "{}", seen.raw);
    let kept = gateway.client.get(&format!("/v1/responses/{}", seen.response())).await.json();
    let id = kept["conversation"]["id"].as_str().expect("a conversation").to_owned();
    assert_eq!(
        items(&gateway.client, &id).await,
        ["user: Once".to_owned(), format!("assistant: {}", seen.text)]
    );
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_the_rate_refuses_reads_and_makes_no_conversation() {
    let plans = "[plans.slow]\nrequests_per_minute = 60\nrequests_burst = 1\n";
    let (gateway, time) = crate::limited::gateway(plans).await;
    let member = gateway.member("slow").await;
    let mut body = Dialect::Responses.ask("Hello");
    body["session_id"] = json!("mine");
    let count = json!({"model": MODEL, "input": "Hello"}).to_string();
    assert_eq!(member.client.post("/v1/responses/input_tokens", count.clone()).await.status, 200);
    body["previous_response_id"] = json!("resp_none");
    body["session_id"] = json!(null);
    for (path, body) in [
        ("/v1/responses/input_tokens", count),
        // It would be a 404, if anybody looked.
        ("/v1/responses", body.to_string()),
        ("/v1/conversations", "{}".to_owned()),
    ] {
        let refused = member.client.post(path, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (429, "rate_limit_exceeded"),
            "{path}"
        );
    }
    time.pass_ms(60_000);
    assert_eq!(member.client.post("/v1/conversations", "{}").await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}
