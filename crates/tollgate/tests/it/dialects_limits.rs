//! What is refused is refused alike in every dialect: by the balance, by rates, by the caps and the models of a key, and
//! without a price. Nothing is held, stored or sent afterwards.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::dialects::{DIALECTS, Dialect, Seen};
use crate::harness::{Gateway, Setup};
use crate::idempotency::JSON;
use crate::limited::gateway as limited;

/// A refusal: its status, its code, and Anthropic's type for it.
type Refusal = (u16, &'static str, &'static str);

fn assert_refused(dialect: Dialect, seen: &Seen, (status, code, kind): Refusal) {
    let says = if dialect == Dialect::Messages { kind } else { code };
    assert_eq!((seen.status, seen.error.as_str()), (status, says), "{dialect:?}: {}", seen.raw);
    assert!(!seen.complete, "{dialect:?}");
}

#[tokio::test]
async fn an_account_without_credit_is_refused_in_every_dialect() {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    for dialect in DIALECTS {
        for streamed in [false, true] {
            let seen = dialect.question(&gateway.client, "Hello", streamed).await;
            assert_refused(dialect, &seen, (402, "insufficient_credits", "billing_error"));
            assert_eq!(gateway.books().receipt(&seen.call).await.ending().0, "refused");
        }
    }
    assert!(gateway.chats().is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn limits_of_account_and_key_hold_in_every_dialect() {
    let rows: [(&str, Refusal); 4] = [
        ("requests_per_minute = 30\nrequests_burst = 1", (429, "rate_limit_exceeded", "rate_limit_error")),
        ("requests_total = 1", (429, "quota_exceeded", "rate_limit_error")),
        ("tokens_total = 90", (429, "quota_exceeded", "rate_limit_error")),
        ("spend_total = \"0.00015\"", (402, "spend_cap_reached", "billing_error")),
    ];
    let plans: String = rows
        .iter()
        .enumerate()
        .map(|(at, (limit, _))| format!("[plans.account{at}]\n{limit}\n[plans.key{at}.key]\n{limit}\n"))
        .collect();
    let (gateway, _time) = limited(&plans).await;
    for (at, (limit, refusal)) in rows.into_iter().enumerate() {
        for plan in [format!("account{at}"), format!("key{at}")] {
            for dialect in DIALECTS {
                let member = gateway.member(&plan).await;
                let question = "Tell me something of some length [[sim tokens=64]]";
                let first = dialect.question(&member.client, question, false).await;
                assert_eq!(first.status, 200, "{dialect:?} {limit}: {}", first.raw);
                let sent = gateway.chats().len();
                let second = dialect.question(&member.client, question, true).await;
                assert_refused(dialect, &second, refusal);
                assert_eq!(gateway.chats().len(), sent, "{dialect:?} {limit}");
            }
        }
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_a_key_may_not_call_and_what_has_no_price_is_refused_in_every_dialect() {
    let toml = "[providers.bare]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"none\"\ncatalogue = \"none\"\n\
                [models.\"bare-model\"]\nprovider = \"bare\"\ncontext_length = 1000\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let narrow = gateway.make_key(json!({"name": "narrow", "models": ["other/*"]})).await.client;
    for dialect in DIALECTS {
        let seen = dialect.question(&narrow, "Hello", false).await;
        assert_refused(dialect, &seen, (403, "model_not_allowed", "permission_error"));
        let unpriced = dialect.call(&gateway.client, &dialect.ask_model("bare-model", "Hello")).await;
        assert_refused(dialect, &unpriced, (400, "model_not_priced", "invalid_request_error"));
        let unknown = dialect.call(&gateway.client, &dialect.ask_model("no/such", "Hello")).await;
        assert_refused(dialect, &unknown, (404, "model_not_found", "not_found_error"));
    }
    assert!(gateway.chats().is_empty());
    gateway.settled().await;
    assert!(gateway.finish().await);
}

async fn once(client: &Client, path: &str, key: &str, session: &str, body: &Value) -> Reply {
    let mut headers = vec![JSON, ("idempotency-key", key)];
    if !session.is_empty() {
        headers.push(("x-tollgate-session-id", session));
    }
    Reply::read(client.send_with(Method::POST, path, &headers, body.to_string()).await).await
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_in_every_dialect() {
    let gateway = Gateway::start().await;
    for dialect in DIALECTS {
        for streamed in [false, true] {
            let mut body = dialect.ask("Hello");
            body["stream"] = json!(streamed);
            let key = format!("{dialect:?}-{streamed}");
            let first = once(&gateway.client, dialect.path(), &key, "", &body).await;
            assert_eq!(first.status, 200, "{first:?}");
            let (spent, sent) = (gateway.settled().await.spent, gateway.chats().len());
            let again = once(&gateway.client, dialect.path(), &key, "", &body).await;
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{key}");
            assert_eq!((again.header("idempotent-replayed"), again.call_id()), ("true", first.call_id()));
            assert_eq!((gateway.settled().await.spent, gateway.chats().len()), (spent, sent), "{key}");
        }
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_request_in_another_session_is_no_repeat() {
    let gateway = Gateway::start().await;
    let body = Dialect::Chat.ask("Hello");
    let first = once(&gateway.client, "/v1/chat/completions", "k", "one", &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(once(&gateway.client, "/v1/chat/completions", "k", "one", &body).await.body, first.body);
    for (path, session) in [
        ("/v1/chat/completions", "two"),
        ("/v1/chat/completions", ""),
        ("/v1/chat/completions?session_id=one", ""),
    ] {
        let other = once(&gateway.client, path, "k", session, &body).await;
        assert_eq!(
            (other.status.as_u16(), other.code().as_str()),
            (422, "idempotency_mismatch"),
            "{path} {session}"
        );
    }
    assert_eq!(gateway.chats().len(), 1);
    gateway.settled().await;
    assert!(gateway.finish().await);
}
