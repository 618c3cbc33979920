//! The life of a trial: it ends by time or by use, and a paid grant makes an account of it whose keys go on working.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::harness::{Gateway, Setup, ask};
use crate::signup::{error, invite, open_gateway, present};

/// A trial of the gateway.
struct Trial {
    path: String,
    visitor: Client,
}

impl Trial {
    async fn sign_up(gateway: &Gateway) -> Trial {
        let code = invite(gateway, "ada@example.org").await;
        let trial = present(gateway, &code).await.json();
        let path = format!("/admin/accounts/{}", trial["account_id"].as_str().expect("an id"));
        Trial { path, visitor: gateway.client.with_key(trial["key"]["secret"].as_str().expect("a secret")) }
    }

    async fn change(&self, gateway: &Gateway, body: Value) -> Value {
        let reply = crate::client::Reply::read(
            gateway.admin.send(hyper::Method::PATCH, &self.path, body.to_string()).await,
        );
        let reply = reply.await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    async fn grant(&self, gateway: &Gateway, body: &Value) -> crate::client::Reply {
        gateway.admin.post(&format!("{}/grants", self.path), body.to_string()).await
    }

    async fn call(&self) -> (u16, Value) {
        let reply = self.visitor.chat(&ask("Hello")).await;
        (reply.status.as_u16(), reply.json()["error"]["code"].clone())
    }
}

const SERVED: (u16, Value) = (200, Value::Null);

fn expired() -> (u16, Value) {
    (403, json!("trial_expired"))
}

#[tokio::test]
async fn a_trial_that_is_over_says_so_until_it_is_paid_for() {
    let gateway = open_gateway().await;
    let trial = Trial::sign_up(&gateway).await;
    assert_eq!(trial.call().await, SERVED);
    let changed = trial.change(&gateway, json!({"trial_ends_at": "2026-01-31T12:00:00Z"})).await;
    assert_eq!(changed["trial_ends_at"], json!("2026-01-31T12:00:00.000Z"));

    let reply = trial.visitor.chat(&ask("Hello")).await;
    assert_eq!(error(&reply), (403, "trial_expired".to_owned()));
    assert_eq!(reply.header("x-should-retry"), "false");
    let message = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("2026-01-31T12:00:00.000Z") && message.contains("operator"), "{message}");
    for path in ["/v1/models", "/v1/credits", "/v1/key"] {
        assert_eq!(error(&trial.visitor.get(path).await), (403, "trial_expired".to_owned()), "{path}");
    }

    // A gift does not end a trial, nor an ended one; more time or money does.
    let gift = json!({"amount": "0.50", "reference": "sorry", "paid": false});
    assert_eq!(trial.grant(&gateway, &gift).await.json()["paid"], json!(false));
    assert_eq!(trial.call().await, expired());
    trial.change(&gateway, json!({"trial_ends_at": "2999-01-31T12:00:00.500Z"})).await;
    assert_eq!(trial.call().await, SERVED);
    trial.change(&gateway, json!({"trial_ends_at": "2026-01-31T12:00:00Z"})).await;
    assert_eq!(trial.call().await, expired());
    let paid = trial.grant(&gateway, &json!({"amount": "5", "reference": "invoice"})).await;
    assert_eq!((paid.status.as_u16(), &paid.json()["paid"]), (200, &json!(true)));
    assert_eq!(trial.call().await, SERVED);
    let account = gateway.admin.get(&trial.path).await.json();
    assert_eq!((&account["plan"], &account["trial_ends_at"]), (&Value::Null, &Value::Null));
    assert_eq!(account["balance"]["granted"], json!("6.50"), "what was left of the trial's credit stays");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_trial_whose_totals_are_used_up_goes_on_when_it_is_paid_for() {
    let gateway = open_gateway().await;
    let trial = Trial::sign_up(&gateway).await;
    let calls = 1_000;
    for batch in 0..calls / 100 {
        let mut sent = JoinSet::new();
        for _ in 0..100 {
            let visitor = trial.visitor.clone();
            sent.spawn(async move {
                let mut body = ask("Hi");
                body["max_tokens"] = json!(1);
                visitor.chat(&body).await.status.as_u16()
            });
        }
        let statuses = sent.join_all().await;
        assert!(statuses.iter().all(|status| *status == 200), "batch {batch}: {statuses:?}");
    }
    assert_eq!(trial.call().await, (429, json!("quota_exceeded")));
    assert_eq!(trial.grant(&gateway, &json!({"amount": "1", "reference": "invoice"})).await.status, 200);
    assert_eq!(trial.call().await, SERVED);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn many_paid_grants_of_one_reference_convert_once() {
    const GRANTS: usize = 100;
    let gateway = open_gateway().await;
    let trial = Trial::sign_up(&gateway).await;
    let start = Arc::new(Barrier::new(GRANTS));
    let mut grants = JoinSet::new();
    for _ in 0..GRANTS {
        let (admin, start, path) =
            (gateway.admin.clone(), Arc::clone(&start), format!("{}/grants", trial.path));
        grants.spawn(async move {
            start.wait().await;
            admin.post(&path, json!({"amount": "2.00", "reference": "invoice"}).to_string()).await.json()
        });
    }
    let rows = grants.join_all().await;
    assert!(rows.iter().all(|row| row["id"] == rows[0]["id"] && row["amount"] == json!("2.00")), "{rows:?}");
    let account = gateway.admin.get(&trial.path).await.json();
    assert_eq!((&account["plan"], &account["balance"]["granted"]), (&Value::Null, &json!("3.00")));
    let other =
        trial.grant(&gateway, &json!({"amount": "2.00", "reference": "invoice", "paid": false})).await;
    assert_eq!(error(&other), (409, "reference_conflict".to_owned()));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_operator_starts_ends_and_converts_trials_that_survive_a_restart() {
    let gateway = Gateway::start().await;
    let account = gateway.admin.post("/admin/accounts", r#"{"name": "blue", "plan": "trial"}"#).await.json();
    assert_eq!((&account["plan"], &account["balance"]["available"]), (&json!("trial"), &json!("1.00")));
    assert!(account["trial_ends_at"].is_string() && account["identity"].is_null(), "{account}");
    let path = format!("/admin/accounts/{}", account["id"].as_str().expect("an id"));
    let key = gateway.admin.post(&format!("{path}/keys"), r#"{"name": "laptop"}"#).await.json();
    let trial = Trial { path, visitor: gateway.client.with_key(key["secret"].as_str().expect("a secret")) };
    assert_eq!(trial.call().await, SERVED);
    let same = trial.change(&gateway, json!({"plan": "trial"})).await;
    assert_eq!(same["trial_ends_at"], account["trial_ends_at"], "the same plan changes nothing");
    let none = trial.change(&gateway, json!({"plan": null})).await;
    assert_eq!((&none["plan"], &none["trial_ends_at"]), (&Value::Null, &Value::Null));
    let again =
        trial.change(&gateway, json!({"plan": "trial", "trial_ends_at": "2026-02-01T00:00:00Z"})).await;
    assert_eq!(again["balance"]["granted"], json!("1.00"), "another trial brings no credit");
    for (body, param) in [
        (json!({"plan": "no such"}), "plan"),
        (json!({"trial_ends_at": "tomorrow"}), "trial_ends_at"),
        (json!({"trial_ends_at": "2026-02-30T00:00:00Z"}), "trial_ends_at"),
        (json!({"granted": "1"}), "granted"),
    ] {
        let sent = gateway.admin.send(hyper::Method::PATCH, &trial.path, body.to_string()).await;
        let reply = crate::client::Reply::read(sent).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!(param)), "{body}");
    }
    let folder = gateway.finish_keeping().await;
    let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
    let visitor = Client::new(&gateway.url, key["secret"].as_str().expect("a secret"));
    let trial = Trial { visitor, ..trial };
    assert_eq!(trial.call().await, expired());
    assert_eq!(trial.grant(&gateway, &json!({"amount": "1", "reference": "invoice"})).await.status, 200);
    assert_eq!(trial.call().await, SERVED);
    assert!(gateway.finish().await);
}

/// Plans of the operator's own: a small trial, and what it becomes.
const VISITORS: &str = "[plans.visitor]\nrequests_total = 2\n[plans.visitor.trial]\ndays = 7\ncredit = \"0.50\"\n\
                        converts_to = \"team\"\n[plans.team]\nconcurrent = 5\n\
                        [signup]\nenabled = true\nplan = \"visitor\"\n";

#[tokio::test]
async fn a_trial_of_the_operators_own_becomes_the_plan_that_it_names() {
    let gateway = Gateway::start_with(Setup { toml: VISITORS.to_owned(), ..Setup::default() }).await;
    let trial = Trial::sign_up(&gateway).await;
    let account = gateway.admin.get(&trial.path).await.json();
    assert_eq!((&account["plan"], &account["balance"]["granted"]), (&json!("visitor"), &json!("0.50")));
    assert_eq!([trial.call().await, trial.call().await], [SERVED, SERVED]);
    assert_eq!(trial.call().await, (429, json!("quota_exceeded")));
    assert_eq!(trial.grant(&gateway, &json!({"amount": "1", "reference": "invoice"})).await.status, 200);
    assert_eq!(trial.call().await, SERVED);
    let account = gateway.admin.get(&trial.path).await.json();
    assert_eq!((&account["plan"], &account["trial_ends_at"]), (&json!("team"), &Value::Null));
    // The next grant is only money.
    trial.change(&gateway, json!({"plan": null})).await;
    assert_eq!(trial.grant(&gateway, &json!({"amount": "1", "reference": "invoice 2"})).await.status, 200);
    assert_eq!(gateway.admin.get(&trial.path).await.json()["plan"], Value::Null);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_payment_frees_no_account_of_its_limits() {
    let gone = "[plans.taste]\nrequests_total = 2\n[plans.taste.trial]\ndays = 7\nconverts_to = \"gone\"\n\
                [plans.team]\nconcurrent = 0\n";
    let gateway = Gateway::start_with(Setup { toml: gone.to_owned(), ..Setup::default() }).await;
    let put = async |plan: &str, body: &str| {
        gateway.admin.put(&format!("/admin/plans/{plan}"), body.to_owned()).await.status.as_u16()
    };
    assert_eq!(put("brief", r#"{"limits": {"concurrent": 0}, "trial": {"days": 7}}"#).await, 200);
    // The plan that an account is on, whether its trial's end is set by hand, and the plan that it pays for.
    for (plan, by_hand, becomes, told) in [
        // The trial becomes a plan that does not exist.
        ("taste", false, "gone", (403, json!("plan_missing"))),
        // The plan is no trial, and the operator gave it an end.
        ("team", true, "team", (429, json!("rate_limit_exceeded"))),
        // The plan is no trial any more.
        ("brief", false, "brief", (429, json!("rate_limit_exceeded"))),
    ] {
        let body = json!({"name": plan, "plan": plan}).to_string();
        let account = gateway.admin.post("/admin/accounts", body).await.json();
        let path = format!("/admin/accounts/{}", account["id"].as_str().expect("an id"));
        let key = gateway.admin.post(&format!("{path}/keys"), r#"{"name": "laptop"}"#).await.json();
        let visitor = gateway.client.with_key(key["secret"].as_str().expect("a secret"));
        let trial = Trial { path, visitor };
        if by_hand {
            trial.change(&gateway, json!({"trial_ends_at": "2999-01-01T00:00:00Z"})).await;
        } else {
            assert!(account["trial_ends_at"].is_string(), "{account}");
        }
        if plan == "brief" {
            assert_eq!(put(plan, r#"{"limits": {"concurrent": 0}}"#).await, 200);
        }
        let paid = trial.grant(&gateway, &json!({"amount": "5", "reference": "invoice"})).await;
        assert_eq!(paid.status, 200, "{paid:?}");
        let account = gateway.admin.get(&trial.path).await.json();
        assert_eq!((&account["plan"], &account["trial_ends_at"]), (&json!(becomes), &Value::Null), "{plan}");
        assert_eq!(trial.call().await, told, "{plan}");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_trial_becomes_no_other_trial() {
    let gateway = Gateway::start().await;
    let put = async |plan: &str, body: &str| {
        let reply = gateway.admin.put(&format!("/admin/plans/{plan}"), body.to_owned()).await;
        (reply.status.as_u16(), reply.json()["error"]["param"].clone())
    };
    let wrong = (400, json!("trial.converts_to"));
    assert_eq!(put("taste", r#"{"trial": {"days": 1, "converts_to": "trial"}}"#).await, wrong);
    assert_eq!(put("taste", "{}").await, (200, Value::Null));
    assert_eq!(put("taste", r#"{"trial": {"days": 1, "converts_to": "taste"}}"#).await, wrong);
    // Nor does a plan that trials become turn into a trial.
    assert_eq!(put("first", r#"{"trial": {"days": 1, "converts_to": "taste"}}"#).await, (200, Value::Null));
    assert_eq!(put("taste", r#"{"trial": {"days": 1}}"#).await.0, 409);
    assert!(gateway.finish().await);
}
