//! Where room ends: an account's sessions that are full, and a history that outgrows its model.

use serde_json::{Value, json};

use crate::dialects::{Dialect, Seen, heard};
use crate::harness::{Gateway, Setup};
use crate::raw::{ANSWER, RAW_MODEL, Raw, reply};
use crate::sessions::respond;

#[tokio::test]
async fn an_account_whose_sessions_are_full_is_told_so_and_may_go_on_without_them() {
    let toml = "[sessions]\naccount_bytes_max = 1048576\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let items = json!({"items": [{"role": "user", "content": "x".repeat(1_100_000)}]});
    let kept = gateway.client.post("/v1/conversations", items.to_string()).await;
    assert_eq!(kept.status, 200, "{kept:?}");
    let sent = gateway.chats().len();
    for (path, body) in [
        ("/v1/responses", Dialect::Responses.ask("Hello")),
        ("/v1/messages?session_id=mine", Dialect::Messages.ask("Hello")),
        ("/v1/conversations", json!({})),
    ] {
        let refused = gateway.client.post(path, body.to_string()).await;
        let said = String::from_utf8_lossy(&refused.body).into_owned();
        assert_eq!(refused.status, 403, "{path}: {said}");
        assert!(said.contains("store") && said.contains("1048576"), "{path}: {said}");
    }
    assert_eq!(gateway.chats().len(), sent);
    let mut body = Dialect::Responses.ask("Hello");
    body["store"] = json!(false);
    assert_eq!(Dialect::Responses.call(&gateway.client, &body).await.status, 200);
    let id = kept.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(gateway.client.delete(&format!("/v1/conversations/{id}")).await.status, 200);
    respond(&gateway.client, "There is room again", None).await;
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_history_that_outgrows_the_model_is_cut_from_the_front_or_refused_before_anything_is_charged() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("").replace("context_length = 100000", "context_length = 2000");
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let upstream = raw.always(reply("200 OK", "application/json", ANSWER));
    let ask = |text: &str, previous: Option<&Seen>, truncation: &str| {
        let mut body =
            json!({"model": RAW_MODEL, "input": text, "max_output_tokens": 64, "truncation": truncation});
        if let Some(previous) = previous {
            body["previous_response_id"] = json!(previous.response());
        }
        body
    };
    let call = async |body: Value| Dialect::Responses.call(&gateway.client, &body).await;
    let long = |word: &str| format!("{word} {}", "y".repeat(2_000));
    let mut last = call(ask(&long("one"), None, "disabled")).await;
    for word in ["two", "three"] {
        last = call(ask(&long(word), Some(&last), "disabled")).await;
        assert_eq!(last.status, 200, "{}", last.raw);
    }
    let spent = gateway.settled().await.spent;
    let refused = call(ask(&long("four"), Some(&last), "disabled")).await;
    assert_eq!((refused.status, refused.error.as_str()), (400, "context_length_exceeded"), "{}", refused.raw);
    assert!(refused.raw.contains("truncation"), "{}", refused.raw);
    assert_eq!(gateway.settled().await.spent, spent);
    drop(upstream);
    let body = ask(&long("four"), Some(&last), "auto");
    let said = reply("200 OK", "application/json", ANSWER);
    let (cut, exchange) = tokio::join!(call(body), raw.answer(said.as_bytes()));
    assert_eq!((cut.status, cut.complete), (200, true), "{}", cut.raw);
    let told: Vec<String> =
        heard(&exchange.json()).iter().map(|line| line.chars().take(12).collect()).collect();
    assert_eq!(
        told,
        ["user: two yy", "assistant: W", "user: three ", "assistant: W", "user: four y"],
        "whole turns"
    );
    gateway.settled().await;
    assert!(gateway.finish().await);
}
