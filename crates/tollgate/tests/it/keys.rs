//! Keys in use: caps under many calls at once, rotation under traffic, revocation in an answer, changes at once.

use std::sync::Arc;

use domain::Money;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tollgate::clock::Clock;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup, answers, ask};
use crate::rates::{Rates, nanos};

/// Calls that want a key's cap at once.
const CALLS: usize = 1_000;

/// A key that the operator made, and a client that shows it.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) client: Client,
}

impl Gateway {
    /// Makes a key of the test's account.
    pub(crate) async fn make_key(&self, body: Value) -> Made {
        let reply =
            self.admin.post(&format!("/admin/accounts/{}/keys", self.account), body.to_string()).await;
        Made::of(&self.client, &reply)
    }

    /// A key as the operator sees it.
    pub(crate) async fn show_key(&self, id: &str) -> Value {
        self.admin.get(&format!("/admin/keys/{id}")).await.json()
    }

    /// Changes a key as the operator.
    async fn change_key(&self, id: &str, changes: Value) -> Value {
        let reply = patch(&self.admin, &format!("/admin/keys/{id}"), changes).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// What a key has spent ever.
    async fn spent(&self, id: &str) -> Money {
        let view = self.show_key(id).await;
        view["usage"]["total"]["spend"].as_str().expect("an amount").parse().expect("an amount")
    }
}

impl Made {
    pub(crate) fn of(client: &Client, reply: &Reply) -> Made {
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("cache-control"), "no-store");
        let (made, text) = (reply.json(), |value: &Value| value.as_str().expect("a text").to_owned());
        let secret = text(&made["secret"]);
        Made { id: text(&made["id"]), client: client.with_key(&secret), secret }
    }
}

pub(crate) async fn patch(client: &Client, path: &str, body: Value) -> Reply {
    Reply::read(client.send(Method::PATCH, path, body.to_string()).await).await
}

#[tokio::test]
async fn a_cap_is_never_passed_by_a_nano_and_can_be_used_to_its_end() {
    let gateway = Gateway::start().await;
    let body = ask("Hello [[sim held=cap]]");
    let hold = Rates::HELD.hold(&body, 64);
    let cap = nanos(u128::try_from(hold.nanos()).expect("positive") * 3);
    let key = gateway.make_key(json!({"name": "capped", "limits": {"spend_total": cap.to_string()}})).await;

    let start = Arc::new(Barrier::new(CALLS));
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (client, body, start) = (key.client.clone(), body.clone(), Arc::clone(&start));
        calls.spawn(async move {
            start.wait().await;
            let reply = client.chat(&body).await;
            (reply.status.as_u16(), (reply.status != 200).then(|| reply.code()))
        });
    }
    let answers = answers(calls, 3, "cap", &gateway.sim).await;
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    let refused = answers
        .iter()
        .filter(|(status, code)| *status == 402 && code.as_deref() == Some("spend_cap_reached"));
    assert_eq!(served + refused.count(), CALLS, "nothing else is answered");
    assert_eq!(served, 3, "what the cap is worth");

    // What open calls did not use is there again: calls are served for as long as one fits.
    gateway.settled().await;
    loop {
        let spent = gateway.spent(&key.id).await;
        let left = cap.checked_sub(spent).unwrap_or_else(|| panic!("spent {spent} of {cap}"));
        let hold = Rates::HELD.hold(&ask("Hello"), 64);
        let reply = key.client.chat(&ask("Hello")).await;
        gateway.settled().await;
        if reply.status == 402 {
            assert_eq!(
                (reply.code().as_str(), reply.header("x-should-retry")),
                ("spend_cap_reached", "false")
            );
            assert!(left < hold, "${left} was left, and ${hold} needed");
            break;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(left >= hold);
    }
    let receipts = gateway.books().check().await;
    let charged = receipts.iter().map(|one| u128::try_from(one.charge.nanos()).expect("positive")).sum();
    assert_eq!(gateway.spent(&key.id).await, nanos(charged));
    assert!(nanos(charged) <= cap);
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200, "the account's other keys go on");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn both_secrets_work_through_a_rotation_until_the_overlap_ends() {
    let gateway = Gateway::start_with(Setup { credit: "100.00", ..Setup::default() }).await;
    let key = gateway.make_key(json!({"name": "rotated"})).await;
    let mut traffic = JoinSet::new();
    for _ in 0..8 {
        let client = key.client.clone();
        traffic.spawn(async move {
            for _ in 0..20 {
                assert_eq!(client.chat(&ask("Hello")).await.status, 200);
            }
        });
    }
    let rotate = format!("/admin/keys/{}/rotate", key.id);
    let second = Made::of(&gateway.client, &gateway.admin.post(&rotate, r#"{"overlap_s": 3600}"#).await);
    assert_eq!(second.id, key.id);
    for _ in 0..20 {
        assert_eq!(second.client.chat(&ask("Hello")).await.status, 200);
    }
    while let Some(done) = traffic.join_next().await {
        done.expect("the old secret works on");
    }
    gateway.settled().await;
    let view = gateway.show_key(&key.id).await;
    assert_eq!(view["usage"]["total"]["requests"], 180, "counted as one key");

    let before_ms = Clock::System.now_ms();
    let third = Made::of(&gateway.client, &gateway.admin.post(&rotate, r#"{"overlap_s": 1}"#).await);
    let refused = key.client.get("/v1/key").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (401, "invalid_api_key"),
        "the oldest ended"
    );
    gateway
        .until("the overlap is over", async |_| {
            assert_eq!(third.client.get("/v1/key").await.status, 200);
            second.client.get("/v1/key").await.status == 401
        })
        .await;
    assert!(Clock::System.now_ms() >= before_ms + 1_000, "it ended before its time");
    assert_eq!(third.client.chat(&ask("Hello")).await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_that_is_revoked_in_the_middle_of_an_answer_pays_for_it_and_makes_no_other() {
    let gateway = Gateway::start().await;
    let key = gateway.make_key(json!({"name": "leaver"})).await;
    let mut stream = key.client.stream(&ask("Hello [[sim gap_ms=50]]")).await;
    let call = stream.call_id();
    assert!(stream.next().await.is_some());
    assert_eq!(gateway.admin.delete(&format!("/admin/keys/{}", key.id)).await.status, 200);
    let refused = key.client.chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "invalid_api_key"));
    let told = stream.rest().await;
    assert!(told.done && told.error().is_none(), "the open answer comes to its end: {told:?}");
    gateway.settled().await;
    let receipt = gateway.books().receipt(&call).await;
    assert_eq!(receipt.outcome, "complete");
    assert!(!receipt.charge.is_zero());
    assert_eq!(gateway.spent(&key.id).await, receipt.charge);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn changed_limits_count_at_once_and_open_calls_keep_theirs() {
    let gateway = Gateway::start().await;
    let key = gateway.make_key(json!({"name": "busy", "limits": {"concurrent": 1}})).await;
    let mut open = key.client.stream(&ask("Hello [[sim gap_ms=100]]")).await;
    assert!(open.next().await.is_some());
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 429);
    let changed = gateway.change_key(&key.id, json!({"limits": {"concurrent": 2}})).await;
    assert_eq!(changed["limits"], json!({"concurrent": 2}));
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 200);
    gateway.change_key(&key.id, json!({"limits": {"concurrent": 0}, "models": ["nothing"]})).await;
    assert_eq!(key.client.chat(&ask("Hello")).await.code(), "model_not_allowed");
    gateway.change_key(&key.id, json!({"models": null})).await;
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 429);
    let told = open.rest().await;
    assert!(told.done && told.error().is_none(), "{told:?}");
    gateway.change_key(&key.id, json!({"limits": {"requests_per_day": 3}, "name": "other"})).await;
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 200);
    let refused = key.client.chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "quota_exceeded"), "counts stay");
    let changed = gateway.change_key(&key.id, json!({"limits": null})).await;
    assert_eq!((&changed["limits"], &changed["name"]), (&json!({}), &json!("other")));
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_key_sees_its_cap_and_its_usage_as_openrouter_spells_them() {
    let gateway = Gateway::start().await;
    let body = json!({"name": "daily", "limit": 0.5, "limit_reset": "daily", "labels": {"team": "blue"},
                      "expires_at": "2999-01-01T00:00:00+01:00", "models": ["openai/*"]});
    let key = gateway.make_key(body).await;
    assert_eq!(gateway.show_key(&key.id).await["limits"], json!({"spend_per_day": "0.50"}));
    assert_eq!(key.client.chat(&ask("Hello")).await.status, 200);
    gateway.settled().await;
    let spent = gateway.spent(&key.id).await;
    let reply = key.client.get("/v1/key").await;
    let left = "0.50".parse::<Money>().expect("an amount").saturating_sub(spent);
    let text = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    let exact = format!(
        "\"limit\":0.50,\"limit_remaining\":{left},\"usage\":{spent},\"usage_daily\":{spent},\"usage_weekly\":{spent},"
    );
    assert!(text.contains(&exact), "{exact} in {text}");
    let seen = reply.json()["data"].clone();
    for (field, expected) in [
        ("label", json!("daily")),
        ("limit_reset", json!("daily")),
        ("role", json!("user")),
        ("is_management_key", json!(false)),
        ("expires_at", json!("2998-12-31T23:00:00.000Z")),
        ("labels", json!({"team": "blue"})),
        ("models", json!(["openai/*"])),
        ("limits", json!({"spend_per_day": "0.50"})),
    ] {
        assert_eq!(seen[field], expected, "{field}");
    }
    assert_eq!(seen["used"]["day"]["requests"], 1);
    // The cap keeps its period where the amount alone is changed, and the other way round.
    for (changes, limits) in [
        (json!({"limit": "0.75"}), json!({"spend_per_day": "0.75"})),
        (json!({"limit_reset": "monthly"}), json!({"spend_per_month": "0.75"})),
        (json!({"limit_reset": null}), json!({"spend_total": "0.75"})),
        (json!({"limit": null}), json!({})),
    ] {
        assert_eq!(gateway.change_key(&key.id, changes.clone()).await["limits"], limits, "{changes}");
    }
    assert!(gateway.finish().await);
}
