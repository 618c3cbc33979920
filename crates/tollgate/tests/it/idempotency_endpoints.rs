//! `Idempotency-Key` on what makes credit and keys, and on calls that a crash cuts short.

use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::books::Books;
use crate::client::{Client, Reply};
use crate::crash::World;
use crate::harness::{Gateway, Setup, ask};
use crate::idempotency::{JSON, assert_replayed, call};
use crate::secrets::assert_database_free_of;
use crate::signup::{invite, open_gateway, present};

async fn post(client: &Client, path: &str, key: &str, body: &str) -> Reply {
    let headers = [JSON, ("idempotency-key", key)];
    Reply::read(client.send_with(Method::POST, path, &headers, body.to_owned()).await).await
}

#[tokio::test]
async fn a_key_is_made_once_and_its_secret_is_shown_again_only_to_whoever_made_it() {
    let gateway = Gateway::start().await;
    let path = format!("/admin/accounts/{}/keys", gateway.account);
    let body = r#"{"name": "nightly"}"#;
    let mut posts = JoinSet::new();
    for _ in 0..20 {
        let (admin, path) = (gateway.admin.clone(), path.clone());
        posts.spawn(async move { post(&admin, &path, "make-1", body).await });
    }
    for reply in posts.join_all().await {
        assert!(reply.status == 200 || reply.code() == "idempotency_in_progress", "{reply:?}");
    }
    let first = post(&gateway.admin, &path, "make-1", body).await;
    let again = post(&gateway.admin, &path, "make-1", body).await;
    assert_eq!((first.status.as_u16(), &first.body), (200, &again.body));
    assert_eq!((again.header("idempotent-replayed"), again.header("cache-control")), ("true", "no-store"));
    let secret = again.json()["secret"].as_str().expect("a secret").to_owned();
    assert!(gateway.client.with_key(&secret).get("/v1/key").await.status.is_success());
    let listed = gateway.admin.get(&format!("/admin/keys?account={}", gateway.account)).await.json();
    let named = listed["data"].as_array().expect("keys").iter().filter(|key| key["name"] == "nightly");
    assert_eq!(named.count(), 1);
    // The exact bytes count: the same in other words is another request.
    assert_eq!(post(&gateway.admin, &path, "make-1", r#"{"name":"nightly"}"#).await.status, 422);
    assert_database_free_of(&gateway.database(), &[&secret, "make-1"]);

    let account = gateway.account.clone();
    let folder = gateway.finish_keeping().await;
    let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
    assert_eq!(post(&gateway.admin, &path, "make-1", body).await.body, again.body);
    // Another account's key of the same name is another.
    let theirs =
        post(&gateway.admin, &format!("/admin/accounts/{}/keys", gateway.account), "make-1", body).await;
    assert_ne!((theirs.header("idempotent-replayed"), account), ("true", gateway.account.clone()));
    assert_ne!(theirs.body, again.body);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_invite_is_made_once_and_its_code_is_shown_again_and_opens_one_account() {
    let gateway = open_gateway().await;
    let body = r#"{"identity": "ada@example.org"}"#;
    let refused = post(&gateway.admin, "/admin/invites", "i", r#"{"identity": ""}"#).await;
    assert_eq!(refused.status, 400, "what is refused may be tried again: {refused:?}");
    let first = post(&gateway.admin, "/admin/invites", "i", body).await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replayed")), (200, ""), "{first:?}");
    let again = post(&gateway.admin, "/admin/invites", "i", body).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!((again.header("idempotent-replayed"), again.header("cache-control")), ("true", "no-store"));
    assert_eq!(post(&gateway.admin, "/admin/invites", "i", r#"{"identity": "bob"}"#).await.status, 422);
    let listed = gateway.admin.get("/admin/invites").await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    let code = again.json()["code"].as_str().expect("a code").to_owned();
    assert_database_free_of(&gateway.database(), &[&code]);
    assert_eq!(present(&gateway, &code).await.status, 201);
    assert_eq!(present(&gateway, &code).await.status, 403, "the same code, used");
    assert_eq!(post(&gateway.admin.with_key("wrong"), "/admin/invites", "i", body).await.status, 401);
    // Without a key, each request makes one.
    for _ in 0..2 {
        invite(&gateway, "ada@example.org").await;
    }
    let listed = gateway.admin.get("/admin/invites").await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(3), "{listed}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_rotation_that_is_repeated_ends_no_secret_before_its_time() {
    let gateway = Gateway::start().await;
    let lead = gateway.make_key(json!({"name": "lead", "role": "management"})).await;
    let body = r#"{"overlap_s": 3600}"#;
    let before = gateway.make_key(json!({"name": "by the operator"})).await;
    let itself = (lead.client.clone(), "/v1/keys", lead);
    let by_operator = (gateway.admin.clone(), "/admin/keys", before);
    for (client, routes, key) in [by_operator, itself] {
        let path = format!("{routes}/{}/rotate", key.id);
        let first = post(&client, &path, "r", body).await;
        assert_eq!(first.status, 200, "{first:?}");
        for _ in 0..2 {
            let again = post(&client, &path, "r", body).await;
            assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, "true"));
        }
        assert_eq!(post(&client, &path, "r", "{}").await.status, 422);
        assert_eq!(key.client.get("/v1/key").await.status, 200, "the first secret is within its overlap");
        let secret = first.json()["secret"].as_str().expect("a secret").to_owned();
        assert_eq!(gateway.client.with_key(&secret).get("/v1/key").await.status, 200);
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_grant_is_made_once_and_a_refused_one_may_be_tried_again() {
    let gateway = Gateway::start().await;
    let path = format!("/admin/accounts/{}/grants", gateway.account);
    let body = r#"{"amount": "2.50", "reference": "invoice 1"}"#;
    let refused = post(&gateway.admin, &path, "g", r#"{"amount": "3.00", "reference": "test"}"#).await;
    assert_eq!(refused.code(), "reference_conflict");
    let first = post(&gateway.admin, &path, "g", body).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_replayed(&first, &post(&gateway.admin, &path, "g", body).await);
    let other = post(&gateway.admin, &path, "g", r#"{"amount": "2.50", "reference": "invoice 2"}"#).await;
    assert_eq!(other.code(), "idempotency_mismatch");
    let bad = post(&gateway.admin, &path, "not a key", body).await;
    assert_eq!((bad.status.as_u16(), bad.code().as_str()), (400, "invalid_idempotency_key"));
    assert_eq!(gateway.balance().await.granted, "3.50".parse().expect("an amount"));
    let nobody = "/admin/accounts/acct_00000000000000000000000000000000/grants";
    assert_eq!(post(&gateway.admin, nobody, "g", body).await.status, 404);
    assert_eq!(post(&gateway.admin.with_key("wrong"), &path, "g", body).await.status, 401);
    assert!(gateway.finish().await);
}

/// Nothing was charged for what a crash cut short, so the same key may try again; what was charged is answered.
#[tokio::test]
async fn a_call_that_a_kill_cuts_short_is_made_once_afterwards() {
    let world = World::new().await;
    for streamed in [false, true] {
        let key = if streamed { "stream" } else { "whole" };
        let mut body = ask(&format!("Hello [[sim held={key}]]"));
        body["stream"] = json!(streamed);
        let process = world.start().await;
        let client = Client::new(&process.url(), &world.key);
        let upstream = world.sim.requests().len();
        let (caller, asked) = (client.clone(), body.clone());
        let cut = tokio::spawn(async move { call(&caller, key, &asked).await });
        world
            .until("the upstream has the call", async || {
                world.sim.requests()[upstream..].iter().any(|one| one.path == "/v1/chat/completions")
            })
            .await;
        process.kill();
        assert!(cut.await.is_err(), "it never got an answer");
        world.sim.release(key);
        world.audit();

        let process = world.start().await;
        let client = Client::new(&process.url(), &world.key);
        let first = call(&client, key, &body).await;
        assert_eq!(first.status, 200, "{first:?}");
        assert_replayed(&first, &call(&client, key, &body).await);
        process.kill();

        let process = world.start().await;
        let client = Client::new(&process.url(), &world.key);
        assert_replayed(&first, &call(&client, key, &body).await);
        let admin = process.admin(&world.admin_key);
        let receipts = Books { admin: &admin, account: &world.account }.check().await;
        assert_eq!(receipts.len(), if streamed { 2 } else { 1 });
        process.kill();
    }
    world.audit();
}
