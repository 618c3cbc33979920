//! Sign-up with invites: one trial per identity, at most one per code, and nothing for anybody else.

use std::sync::Arc;

use domain::Money;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup, ask};
use crate::idempotency::JSON;
use crate::secrets::assert_database_free_of;

const ENABLED: &str = "[signup]\nenabled = true\n";

/// A gateway that takes sign-ups.
pub(crate) async fn open_gateway() -> Gateway {
    Gateway::start_with(Setup { toml: ENABLED.to_owned(), ..Setup::default() }).await
}

/// The code of a new invite.
pub(crate) async fn invite(gateway: &Gateway, identity: &str) -> String {
    let reply = gateway.admin.post("/admin/invites", json!({ "identity": identity }).to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["code"].as_str().expect("a code").to_owned()
}

/// Presents a code, as a visitor without a key does.
pub(crate) async fn present(gateway: &Gateway, code: &str) -> Reply {
    Client::new(&gateway.url, "").post("/v1/signup", json!({ "invite_code": code }).to_string()).await
}

/// The code of an error.
pub(crate) fn error(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["error"]["code"].as_str().expect("a code").to_owned())
}

/// How many accounts, grants and keys the database has beside those of the test's own account.
pub(crate) fn rows(gateway: &Gateway) -> (u32, u32, u32) {
    let database = rusqlite::Connection::open(gateway.database()).expect("the database");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get(0)).expect("a count");
    (
        count("SELECT count(*) - 1 FROM accounts"),
        count("SELECT count(*) FROM grants WHERE reference <> 'test'"),
        count("SELECT count(*) - 1 FROM keys"),
    )
}

#[tokio::test]
async fn a_visitor_signs_up_and_calls() {
    let gateway = open_gateway().await;
    let code = invite(&gateway, " Ada@Example.org ").await;
    let reply = present(&gateway, &code).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("cache-control"), "no-store");
    let described = gateway.client.get("/openapi.json").await.json();
    assert_eq!(described["paths"]["/v1/signup"]["post"]["x-tollgate-role"], json!("public"));
    let trial = reply.json();
    assert_eq!((&trial["plan"], &trial["credit"]), (&json!("trial"), &json!("1.00")));
    assert_eq!(trial["quotas"], json!({"requests": 1000, "tokens": 100_000}));
    let secret = trial["key"]["secret"].as_str().expect("a secret");
    let host = gateway.url.trim_start_matches("http://");
    let example = format!("curl http://{host}/v1/models -H 'Authorization: Bearer {secret}'");
    assert_eq!(trial["example"], json!(example));

    let visitor = gateway.client.with_key(secret);
    assert_eq!(visitor.chat(&ask("Hello")).await.status, 200);
    let path = format!("/admin/accounts/{}", trial["account_id"].as_str().expect("an id"));
    let account = gateway.admin.get(&path).await.json();
    assert_eq!(account["identity"], json!("invite"));
    assert_eq!(account["trial_ends_at"], trial["trial_ends_at"]);
    let invites = gateway.admin.get("/admin/invites").await.json();
    assert_eq!(invites["data"][0]["identity"], json!("ada@example.org"));
    assert_eq!(invites["data"][0]["account_id"], trial["account_id"]);
    assert!(!invites.to_string().contains(&code), "the code is shown once");
    assert_eq!(rows(&gateway), (1, 1, 1));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_to_the_same_idempotency_key() {
    let gateway = open_gateway().await;
    let code = invite(&gateway, "ada").await;
    let body = json!({ "invite_code": code }).to_string();
    let nobody = Client::new(&gateway.url, "");
    let send = async |key: &str, body: &str| {
        let headers = [JSON, ("idempotency-key", key)];
        Reply::read(nobody.send_with(Method::POST, "/v1/signup", &headers, body.to_owned()).await).await
    };
    // What was refused may be tried again.
    assert_eq!(send("sign-up-of-ada-1", r#"{"invite_code": "invite-none"}"#).await.status, 403);
    let first = send("sign-up-of-ada-1", &body).await;
    let again = send("sign-up-of-ada-1", &body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{again:?}");
    assert_eq!((&first.body, again.header("cache-control")), (&again.body, "no-store"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    // Nobody reads it without the code, or with the code alone.
    let other = send("sign-up-of-ada-1", &json!({ "invite_code": "invite-none" }).to_string()).await;
    assert_eq!(error(&other), (422, "idempotency_mismatch".to_owned()));
    assert_eq!(error(&send("sign-up-of-ada-2", &body).await).0, 403);
    assert_eq!(rows(&gateway), (1, 1, 1));
    let secret = first.json()["key"]["secret"].as_str().expect("a secret").to_owned();
    assert_database_free_of(&gateway.database(), &[&secret, &code, "sign-up-of-ada-1"]);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn sign_up_is_off_unless_it_is_enabled() {
    let gateway = Gateway::start().await;
    let code = invite(&gateway, "ada").await;
    let nobody = Client::new(&gateway.url, "");
    for method in [hyper::Method::GET, hyper::Method::PUT] {
        let reply = Reply::read(nobody.send(method, "/v1/signup", "").await).await;
        assert_eq!(error(&reply), (404, "not_found".to_owned()));
    }
    assert_eq!(nobody.get("/openapi.json").await.json()["paths"]["/v1/signup"], Value::Null);
    for body in [json!({ "invite_code": code }).to_string(), String::new()] {
        let reply = nobody.post("/v1/signup", body).await;
        let unknown = nobody.post("/v1/signin", "{}").await;
        assert_eq!(error(&reply), error(&unknown));
        assert_eq!(error(&reply), (404, "not_found".to_owned()));
    }
    assert_eq!(rows(&gateway), (0, 0, 0));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_no_good_code_gets_one_answer() {
    let gateway = open_gateway().await;
    let used = invite(&gateway, "ada").await;
    assert_eq!(present(&gateway, &used).await.status, 201);
    let revoked = invite(&gateway, "bob").await;
    let id = gateway.admin.get("/admin/invites?limit=1").await.json()["data"][0]["id"].clone();
    let path = format!("/admin/invites/{}", id.as_str().expect("an id"));
    let state = gateway.admin.delete(&path).await.json();
    assert_eq!((state["revoked_at"].is_string(), &state["used_at"]), (true, &Value::Null));
    let expired = invite(&gateway, "eve").await;
    let database = rusqlite::Connection::open(gateway.database()).expect("the database");
    database.execute("UPDATE invites SET expires_at_ms = 1 WHERE identity = 'eve'", []).expect("an update");
    let mut answers = Vec::new();
    for code in [&used, &revoked, &expired, "invite-AAAAAAAAAAAAAAAAAAAAAA", "", &"x".repeat(40_000)] {
        let reply = present(&gateway, code).await;
        answers.push((error(&reply), reply.body));
    }
    assert_eq!(answers[0].0, (403, "invalid_invite_code".to_owned()));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(rows(&gateway), (1, 1, 1));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_no_sign_up_is_named() {
    let gateway = open_gateway().await;
    let nobody = Client::new(&gateway.url, "");
    for (body, param) in [
        (json!({}), Value::Null),
        (json!({"invite_code": "a", "id_token": "b"}), Value::Null),
        (json!({"id_token": "b"}), json!("invite_code")),
        (json!({"invite_code": 7}), json!("invite_code")),
        (json!({"invite_code": "a", "name": " "}), json!("name")),
        (json!({"invite_code": "a", "admin": true}), json!("admin")),
    ] {
        let reply = nobody.post("/v1/signup", body.to_string()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &param), "{body}");
    }
    let admin = |body: Value| gateway.admin.post("/admin/invites", body.to_string());
    for (body, param) in [
        (json!({}), "identity"),
        (json!({"identity": " "}), "identity"),
        (json!({"identity": "a", "plan": "none"}), "plan"),
        (json!({"identity": "a", "expires_in_s": 0}), "expires_in_s"),
        (json!({"identity": "a", "expires_in_s": 1_000_000_000}), "expires_in_s"),
    ] {
        let reply = admin(body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!(param)), "{body}");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let gateway = open_gateway().await;
    let code = invite(&gateway, "ada").await;
    for guess in 0..10 {
        assert_eq!(present(&gateway, &format!("invite-{guess}")).await.status, 403);
    }
    // Also with a good code: whoever guesses learns nothing more.
    let reply = present(&gateway, &code).await;
    assert_eq!(error(&reply), (429, "signup_rate_limited".to_owned()));
    let wait: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(rows(&gateway), (0, 0, 0));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn many_invites_of_one_identity_open_one_trial() {
    const CODES: usize = 100;
    let gateway = open_gateway().await;
    let mut codes = Vec::new();
    for at in 0..CODES {
        codes.push(invite(&gateway, if at % 2 == 0 { "ada@example.org" } else { "ADA@example.ORG" }).await);
    }
    let start = Arc::new(Barrier::new(CODES));
    let mut visitors = JoinSet::new();
    for code in codes {
        let (client, start) = (Client::new(&gateway.url, ""), Arc::clone(&start));
        visitors.spawn(async move {
            start.wait().await;
            client.post("/v1/signup", json!({ "invite_code": code }).to_string()).await
        });
    }
    let replies = visitors.join_all().await;
    let (opened, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((opened.len(), refused.len()), (1, CODES - 1));
    for reply in &refused {
        assert_eq!(error(reply), (409, "already_registered".to_owned()));
    }
    assert_eq!(rows(&gateway), (1, 1, 1));
    let trial = opened[0].json();
    let path = format!("/admin/accounts/{}", trial["account_id"].as_str().expect("an id"));
    let granted = &gateway.admin.get(&path).await.json()["balance"]["granted"];
    assert_eq!(granted.as_str().and_then(|text| text.parse().ok()), Money::from_nanos(1_000_000_000));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_restart_forgets_nobody() {
    let gateway = open_gateway().await;
    let (code, second) = (invite(&gateway, "ada").await, invite(&gateway, "ada").await);
    let trial = present(&gateway, &code).await.json();
    let folder = gateway.finish_keeping().await;
    let setup = Setup { toml: ENABLED.to_owned(), folder: Some(folder), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    assert_eq!(error(&present(&gateway, &second).await), (409, "already_registered".to_owned()));
    assert_eq!(present(&gateway, &code).await.status, 403);
    let visitor = gateway.client.with_key(trial["key"]["secret"].as_str().expect("a secret"));
    assert_eq!(visitor.chat(&ask("Hello")).await.status, 200);
    let path = format!("/admin/accounts/{}", trial["account_id"].as_str().expect("an id"));
    assert_eq!(gateway.admin.get(&path).await.json()["trial_ends_at"], trial["trial_ends_at"]);
    assert!(gateway.finish().await);
}
