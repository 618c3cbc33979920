//! `Idempotency-Key` on calls: a repeat gets the answer of the first, is not charged, and does not reach the upstream.

use hyper::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::books::Books;
use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup, ask};
use crate::secrets::assert_database_free_of;

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// A call with an idempotency key.
pub(crate) async fn call(client: &Client, key: &str, body: &Value) -> Reply {
    Reply::read(open(client, key, body).await).await
}

/// The same, before its body is read.
pub(crate) async fn open(client: &Client, key: &str, body: &Value) -> hyper::Response<hyper::body::Incoming> {
    let headers = [JSON, ("idempotency-key", key)];
    client.send_with(Method::POST, "/v1/chat/completions", &headers, body.to_string()).await
}

/// A body, with the usage asked for where it is streamed.
pub(crate) fn question(text: &str, streamed: bool) -> Value {
    let mut body = ask(text);
    body["stream"] = json!(streamed);
    if streamed {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// Proves that `again` is the stored answer of `first`.
pub(crate) fn assert_replayed(first: &Reply, again: &Reply) {
    assert_eq!(first.header("idempotent-replayed"), "", "{first:?}");
    assert_eq!(again.header("idempotent-replayed"), "true", "{again:?}");
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    assert_eq!(first.header("x-tollgate-call-id"), again.header("x-tollgate-call-id"));
}

/// Another account with credit, and a key of it.
async fn other_account(gateway: &Gateway) -> (String, Client) {
    let made = gateway.admin.post("/admin/accounts", json!({"name": "other"}).to_string()).await.json();
    let account = made["id"].as_str().expect("an id").to_owned();
    let books = Books { admin: &gateway.admin, account: &account };
    books.grant("1.00".parse().expect("an amount"), "first").await;
    let key = books.new_key("its key").await;
    (account, gateway.client.with_key(&key))
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_for_nothing() {
    for streamed in [false, true] {
        let gateway = Gateway::start().await;
        let body = question("Hello", streamed);
        let first = call(&gateway.client, "order-1", &body).await;
        assert_eq!(first.status, 200, "{first:?}");
        let spent = gateway.settled().await.spent;
        assert!(!spent.is_zero());

        assert_replayed(&first, &call(&gateway.client, "order-1", &body).await);
        let second_key = gateway.client.with_key(&gateway.books().new_key("second").await);
        assert_replayed(&first, &call(&second_key, "order-1", &body).await);

        let other = call(&gateway.client, "order-1", &question("Goodbye", streamed)).await;
        assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_mismatch"));
        let headers = [JSON, ("idempotency-key", "order-1"), ("x-tollgate-provider", "huggingface")];
        let path = "/v1/chat/completions";
        let pinned = gateway.client.send_with(Method::POST, path, &headers, body.to_string()).await;
        assert_eq!(
            Reply::read(pinned).await.code(),
            "idempotency_mismatch",
            "the header changes the request"
        );
        assert_eq!((gateway.chats().len(), gateway.settled().await.spent), (1, spent));

        // Another key, no key, and the same key of another account are other requests.
        assert_eq!(call(&gateway.client, "order-2", &body).await.header("idempotent-replayed"), "");
        assert_eq!(gateway.client.chat(&body).await.header("idempotent-replayed"), "");
        let (account, others) = other_account(&gateway).await;
        let theirs = call(&others, "order-1", &question("Goodbye", streamed)).await;
        assert_eq!((theirs.status.as_u16(), theirs.header("idempotent-replayed")), (200, ""));
        assert_eq!(gateway.chats().len(), 4);
        Books { admin: &gateway.admin, account: &account }.check().await;
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let gateway = Gateway::start().await;
    let long = "k".repeat(256);
    for keys in [&[""][..], &["a b"], &[&long], &["a", "a"], &["a", "b"]] {
        let mut headers = vec![JSON];
        headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
        let path = "/v1/chat/completions";
        let refused = gateway.client.send_with(Method::POST, path, &headers, ask("Hello").to_string()).await;
        let refused = Reply::read(refused).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_idempotency_key"));
    }
    assert!(gateway.chats().is_empty());
    assert_eq!(call(&gateway.client, &"k".repeat(255), &ask("Hello")).await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_hundred_at_once_are_one_call_and_so_they_are_after_a_restart() {
    for streamed in [false, true] {
        let gateway = Gateway::start().await;
        let body = question("Hello [[sim first_token_ms=400]]", streamed);
        let mut calls = JoinSet::new();
        for _ in 0..100 {
            let (client, body) = (gateway.client.clone(), body.clone());
            calls.spawn(async move { call(&client, "k", &body).await });
        }
        let (served, refused): (Vec<_>, Vec<_>) =
            calls.join_all().await.into_iter().partition(|reply| reply.status == 200);
        let (first, repeats): (Vec<_>, Vec<_>) =
            served.iter().partition(|reply| reply.header("idempotent-replayed").is_empty());
        assert_eq!(first.len(), 1);
        repeats.iter().for_each(|again| assert_replayed(first[0], again));
        assert!(!refused.is_empty(), "none came while the first was running");
        for reply in &refused {
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (409, "idempotency_in_progress"));
            assert_eq!((reply.header("retry-after"), reply.header("x-should-retry")), ("1", "true"));
        }
        assert_eq!(gateway.chats().len(), 1);
        let charged = gateway.books().check().await.into_iter().filter(|one| !one.charge.is_zero()).count();
        assert_eq!(charged, 1);

        let key = gateway.key.clone();
        let folder = gateway.finish_keeping().await;
        let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
        assert_replayed(first[0], &call(&gateway.client.with_key(&key), "k", &body).await);
        let other = call(&gateway.client.with_key(&key), "k", &ask("Goodbye")).await;
        assert_eq!(other.status, 422);
        assert!(gateway.chats().is_empty());

        // A day later, as far as the database can tell.
        let database = gateway.database();
        let folder = gateway.finish_keeping().await;
        let connection = Connection::open(&database).expect("a database");
        assert_eq!(connection.execute("UPDATE answers SET expires_at_ms = 1", []).expect("a table"), 1);
        drop(connection);
        let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
        let later = call(&gateway.client.with_key(&key), "k", &body).await;
        assert_eq!((later.status.as_u16(), later.header("idempotent-replayed")), (200, ""));
        assert_eq!(gateway.chats().len(), 1);
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn neither_the_key_nor_the_answer_is_on_the_disk_in_the_clear() {
    let gateway = Gateway::start().await;
    let (key, word) = ("canary-idempotency-key", "canary-word-of-the-answer");
    let body = question(&format!("canary-prompt [[sim text=\"{word} and more\"]]"), false);
    let first = call(&gateway.client, key, &body).await;
    assert!(String::from_utf8_lossy(&first.body).contains(word));
    assert_replayed(&first, &call(&gateway.client, key, &body).await);
    gateway.settled().await;
    assert_database_free_of(&gateway.database(), &[key, word, "canary-prompt"]);
    assert!(gateway.finish().await);
}
