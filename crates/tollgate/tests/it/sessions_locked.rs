//! One call at a time goes on in a conversation, and the next may follow however the last one ended.

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Client, Reply, Stream};
use crate::dialects::{DIALECTS, Dialect, Seen, stored};
use crate::harness::{Gateway, Setup};
use crate::sessions::{items, says};

async fn conversation(client: &Client) -> String {
    client.post("/v1/conversations", "{}").await.json()["id"].as_str().expect("an id").to_owned()
}

fn within(conversation: &str, text: &str) -> Value {
    let mut body = Dialect::Responses.ask(text);
    body["conversation"] = json!(conversation);
    body
}

async fn call(gateway: &Gateway, body: &Value) -> Seen {
    Dialect::Responses.call(&gateway.client, body).await
}

#[tokio::test]
async fn of_many_calls_at_once_each_that_is_served_finds_the_whole_history() {
    let gateway = Gateway::start().await;
    let id = conversation(&gateway.client).await;
    let mut calls = JoinSet::new();
    for at in 0..24 {
        let (client, id) = (gateway.client.clone(), id.clone());
        calls.spawn(async move {
            let question = says(&format!("Question {at}"), &format!("Answer {at}")) + " [[sim gap_ms=5]]";
            // Like an SDK: again, until it is served.
            for refused in 0.. {
                let reply = client.post("/v1/responses", within(&id, &question).to_string()).await;
                if reply.status == 200 {
                    return refused;
                }
                assert_eq!((reply.status.as_u16(), reply.code().as_str()), (409, "conversation_locked"));
                assert_eq!((reply.header("retry-after"), reply.header("x-should-retry")), ("1", "true"));
                tokio::task::yield_now().await;
            }
            unreachable!("it is served at last")
        });
    }
    let refused: usize = calls.join_all().await.into_iter().sum();
    assert!(refused > 0, "no two were ever there at once");
    let told = items(&gateway.client, &id).await;
    assert_eq!(told.len(), 48);
    for (at, pair) in told.chunks(2).enumerate() {
        let number = pair[0].split(' ').nth(2).expect("a number");
        assert_eq!(pair[1], format!("assistant: Answer {number}"), "question and answer stand together");
        // The call that was the at-th to be served has heard all before it.
        let heard: Vec<Value> = gateway.chats();
        assert_eq!(heard[at]["messages"].as_array().expect("messages").len(), 2 * at + 1);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn items_are_neither_added_nor_deleted_while_a_call_is_under_way() {
    let gateway = Gateway::start().await;
    let id = conversation(&gateway.client).await;
    let path = format!("/v1/conversations/{id}/items");
    let add = json!({"items": [{"role": "user", "content": "Before"}]}).to_string();
    let added = gateway.client.post(&path, add).await.json();
    let item = format!("{path}/{}", added["first_id"].as_str().expect("an id"));
    let mut body = within(&id, "Hello [[sim tokens=300 gap_ms=20 reasoning=0]]");
    (body["stream"], body["max_output_tokens"]) = (json!(true), json!(1_000));
    let mut stream = Stream::of(Dialect::Responses.open(&gateway.client, &body).await);
    assert!(stream.next().await.is_some());
    let new = json!({"items": [{"role": "user", "content": "By the way"}]}).to_string();
    for (method, path, body) in [
        (Method::POST, path.as_str(), new.clone()),
        (Method::DELETE, item.as_str(), String::new()),
        (Method::POST, "/v1/responses", within(&id, "Me too").to_string()),
    ] {
        let refused = Reply::read(gateway.client.send(method.clone(), path, body).await).await;
        let said = (refused.status.as_u16(), refused.code());
        assert_eq!(said, (409, "conversation_locked".to_owned()), "{method} {path}");
        let again = (refused.header("retry-after"), refused.header("x-should-retry"));
        assert_eq!(again, ("1", "true"), "{method} {path}");
    }
    // What is only read is not locked.
    for read in [&item, &path, &format!("/v1/conversations/{id}")] {
        assert_eq!(gateway.client.get(read).await.status, 200, "{read}");
    }
    stream.rest().await;
    assert_eq!(gateway.client.delete(&item).await.status, 200);
    assert_eq!(gateway.client.get(&item).await.status, 404);
    assert_eq!(gateway.client.post(&path, new).await.status, 200);
    assert_eq!(call(&gateway, &within(&id, "Go on")).await.status, 200);
    let heard = gateway.heard();
    assert!(heard[0].starts_with("user: Hello"), "{heard:?}");
    assert_eq!(heard[2..], ["user: By the way", "user: Go on"]);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_session_is_the_same_conversation_by_its_name_and_by_its_id() {
    let gateway = Gateway::start().await;
    let named = |text: &str| {
        let mut body = Dialect::Responses.ask(text);
        body["session_id"] = json!("mine");
        body
    };
    let first = call(&gateway, &named("Hello")).await;
    let kept = stored(&gateway.client, &first.response()).await.json();
    let id = kept["conversation"]["id"].as_str().expect("a conversation");
    let (by_name, by_id) = (named("Me too"), within(id, "Me too"));
    let path = format!("/v1/conversations/{id}/items");
    let new = json!({"items": [{"role": "user", "content": "By the way"}]}).to_string();
    for asked in [named("Go on"), within(id, "Go on")] {
        let mut slow = asked;
        slow["input"] = json!("Go on [[sim tokens=300 gap_ms=20 reasoning=0]]");
        (slow["stream"], slow["max_output_tokens"]) = (json!(true), json!(1_000));
        let mut stream = Stream::of(Dialect::Responses.open(&gateway.client, &slow).await);
        assert!(stream.next().await.is_some());
        for body in [&by_name, &by_id] {
            let refused = call(&gateway, body).await;
            assert_eq!((refused.status, refused.error.as_str()), (409, "conversation_locked"), "{body}");
        }
        assert_eq!(gateway.client.post(&path, new.clone()).await.status, 409);
        stream.rest().await;
        for body in [&by_name, &by_id] {
            assert_eq!(call(&gateway, body).await.status, 200, "{body}");
        }
    }
    assert_eq!(items(&gateway.client, id).await.len(), 2 * 7, "a question and an answer of every call");
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_conversation_is_free_again_after_every_ending() {
    let toml =
        "abort = \"estimate\"\ntimeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 20000 }\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let id = conversation(&gateway.client).await;
    for (script, streamed) in [
        ("", false),
        ("", true),
        ("status=500", false),
        ("status=429", true),
        ("error_after=5", true),
        ("cut_after=5", true),
        ("stall_after=5", true),
        ("hang=headers", false),
        ("finish=error", false),
    ] {
        let mut body = within(&id, &format!("Hello [[sim tokens=20 {script}]]"));
        body["stream"] = json!(streamed);
        let seen = call(&gateway, &body).await;
        assert_ne!(seen.status, 409, "before {script}: {}", seen.raw);
        let next = call(&gateway, &within(&id, "Next")).await;
        assert_eq!(next.status, 200, "after {script}: {}", next.raw);
    }
    refusals(&gateway, &id).await;
    client_gone(&gateway, &id).await;
    cancelled(&gateway, &id).await;
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

/// Refused after the conversation was read: too dear, over a limit, not allowed.
async fn refusals(gateway: &Gateway, id: &str) {
    let mut dear = within(id, "Hello");
    dear["max_output_tokens"] = json!(2_000_000_000);
    let mut bad = within(id, "Hello");
    bad["session_id"] = json!("another");
    let narrow = gateway.make_key(json!({"name": "narrow", "models": ["other/*"]})).await.client;
    let poor =
        gateway.make_key(json!({"name": "poor", "limits": {"spend_total": "0.000000001"}})).await.client;
    for (client, body, statuses) in [
        (&gateway.client, &dear, [402, 400]),
        (&gateway.client, &bad, [400, 400]),
        (&narrow, &within(id, "Hello"), [403, 403]),
        (&poor, &within(id, "Hello"), [402, 402]),
    ] {
        let refused = Dialect::Responses.call(client, body).await;
        assert!(statuses.contains(&refused.status), "{}", refused.raw);
        let next = call(gateway, &within(id, "Next")).await;
        assert_eq!(next.status, 200, "after {}: {}", refused.raw, next.raw);
    }
}

async fn client_gone(gateway: &Gateway, id: &str) {
    let mut body = within(id, "Hello [[sim tokens=3000 gap_ms=50 reasoning=0]]");
    (body["stream"], body["max_output_tokens"]) = (json!(true), json!(100_000));
    let mut stream = Stream::of(Dialect::Responses.open(&gateway.client, &body).await);
    for _ in 0..6 {
        assert!(stream.next().await.is_some());
    }
    let response = stream.call_id().replace("call_", "resp_");
    drop(stream);
    gateway.settled().await;
    assert_eq!(stored(&gateway.client, &response).await.json()["status"], "cancelled");
    let next = call(gateway, &within(id, "Next")).await;
    assert_eq!(next.status, 200, "{}", next.raw);
}

async fn cancelled(gateway: &Gateway, id: &str) {
    for delete in [false, true] {
        let mut body = within(id, "Hello [[sim tokens=3000 gap_ms=50 reasoning=0]]");
        (body["background"], body["max_output_tokens"]) = (json!(true), json!(100_000));
        let queued = gateway.client.post("/v1/responses", body.to_string()).await;
        let response = queued.json()["id"].as_str().unwrap_or_else(|| panic!("{queued:?}")).to_owned();
        assert_eq!(call(gateway, &within(id, "Me too")).await.status, 409, "also while nobody listens");
        let path = format!("/v1/responses/{response}");
        let ended = if delete {
            gateway.client.delete(&path).await
        } else {
            gateway.client.post(&format!("{path}/cancel"), "").await
        };
        assert_eq!(ended.status, 200, "{ended:?}");
        gateway
            .until("it is free", async |gateway| call(gateway, &within(id, "Next")).await.status == 200)
            .await;
    }
}

#[tokio::test]
async fn a_failed_turn_of_any_dialect_leaves_the_session_fit_to_go_on() {
    let gateway = Gateway::start().await;
    for dialect in DIALECTS {
        let path = format!("{}?session_id={dialect:?}", dialect.path());
        let mut body = dialect.ask("First [[sim tokens=20 reasoning=0 cut_after=8]]");
        body["stream"] = json!(true);
        let broken = dialect.see(gateway.client.send(Method::POST, &path, body.to_string()).await).await;
        assert_eq!((broken.status, broken.complete), (200, false), "{dialect:?}: {}", broken.raw);
        let next = dialect.ask("Second");
        let next = dialect.see(gateway.client.send(Method::POST, &path, next.to_string()).await).await;
        assert_eq!((next.status, next.complete), (200, true), "{dialect:?}: {}", next.raw);
        assert_eq!(
            stored(&gateway.client, &broken.response()).await.json()["status"],
            "failed",
            "{dialect:?}"
        );
        let heard = gateway.heard();
        assert_eq!(heard.last().map(String::as_str), Some("user: Second"), "{dialect:?}: {heard:?}");
        assert!(!heard.iter().any(|line| line.starts_with("user: First")), "{heard:?}");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
