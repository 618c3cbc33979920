//! The admin API from outside: requests in, answers and the ledger's state out.

mod once;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use domain::{BillingRule, CallId, KeyId, Limits, Money, Outcome, Plan, Price, Receipt, Usage, UsageSource};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::{AdminState, router};
use crate::catalog::Catalogue;
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::entropy::Entropy;
use crate::keys::{AdminKey, KeyRing};
use crate::ledger::{Ledger, StoreConfig};
use crate::plans::PlanBook;
use crate::serve::Places;
use crate::telemetry::Metrics;
use domain::trial::{TRIAL_PLAN, trial_plan};

const ADMIN_KEY: &str = "the-admin-key-of-these-tests";

/// An admin API, at 2026-01-31T12:00:00Z.
pub(crate) struct Admin {
    pub(crate) router: Router,
    pub(crate) ledger: Ledger,
    keys: KeyRing,
    /// Goes with it.
    _folder: TempDir,
}

/// That of a gateway without providers that has served nothing.
fn state(ledger: &Ledger, keys: &KeyRing, admin_key: AdminKey) -> AdminState {
    AdminState {
        ledger: ledger.clone(),
        keys: keys.clone(),
        plans: plans(),
        admin_key,
        hosts: Arc::new(["gateway.internal".to_owned()]),
        catalogue: Arc::new(Catalogue::new(&Config::resolve(Sources::default()).unwrap())),
        connections: Places::default(),
        metrics: Arc::new(Metrics::new(std::iter::empty(), 0)),
    }
}

impl Admin {
    /// The same gateway's state with another admin key.
    pub(crate) fn state(&self, admin_key: AdminKey) -> AdminState {
        state(&self.ledger, &self.keys, admin_key)
    }

    pub(crate) async fn start() -> Admin {
        let clock = Clock::Manual(Arc::new(AtomicI64::new(1_769_860_800_000)));
        let entropy = Entropy::Counter(Arc::new(AtomicU64::new(0)));
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Sqlite(folder.path().join("ledger.db"));
        let ledger = Ledger::open(store, clock).unwrap();
        let keys = KeyRing::open(ledger.clone(), entropy.clone()).await.unwrap();
        let (admin_key, made) = AdminKey::load_or_create(Some(ADMIN_KEY), &ledger, &entropy).await.unwrap();
        assert!(made.is_none());
        let state = state(&ledger, &keys, admin_key);
        Admin { router: router(state), ledger, keys, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Asks as an operator does, and reads the answer's JSON.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = request(method, path).body(Body::from(body.to_owned())).unwrap();
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn create_account(&self, body: &Value) -> String {
        let (status, account) = self.ask("POST", "/admin/accounts", &body.to_string()).await;
        assert_eq!(status, 200, "{account}");
        account["id"].as_str().unwrap().to_owned()
    }

    /// Settles a call of `account` for $0.000023 under a hold of $0.01.
    pub(crate) async fn settle_a_call(&self, account: &str, call: u128) {
        let account = self.ledger.account(account.parse().unwrap()).unwrap();
        let mut admission = self.ledger.try_admit(&account).unwrap();
        admission.hold("0.01".parse().unwrap()).unwrap();
        let charged = admission.settle(receipt(account.id, CallId::from_bits(call))).await.unwrap();
        assert_eq!(charged.charge.to_string(), "0.000023");
    }
}

/// A plan without limits, and the built-in trial.
fn plans() -> PlanBook {
    let team = Plan { trial: None, account: Limits::NONE, ..trial_plan("team".parse().unwrap()) };
    PlanBook::new([team, trial_plan(TRIAL_PLAN.parse().unwrap())])
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8001")
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("content-type", "application/json")
}

fn receipt(account: domain::AccountId, call: CallId) -> Receipt {
    let rate = |text: &str| text.parse().unwrap();
    Receipt {
        call,
        account,
        key: KeyId::from_bits(7),
        started_at_ms: 1_769_860_800_123,
        dialect: "chat",
        stream: true,
        model_asked: "m:cheapest".to_owned(),
        model_served: Some("org/m".to_owned()),
        provider: Some("huggingface".into()),
        inference_provider: Some("groq".to_owned()),
        route_reason: "catalogue: exact id".to_owned(),
        usage: Usage { input: 10, cached_input: 4, output: 50, reasoning: 5 },
        usage_source: UsageSource::Reported,
        usage_suspect: false,
        price: Some(Price { input: rate("0.10"), output: rate("0.40"), cached_input: None }),
        cost: Some(Money::from_nanos(23_000).unwrap()),
        outcome: Outcome::Complete,
        rule: BillingRule::Reported,
        status: 200,
        error_code: None,
        first_token_us: Some(12_345),
        total_us: 512_345,
        attempts: 1,
        finish_reason: Some("stop".to_owned()),
        upstream_id: Some("chatcmpl-1".to_owned()),
        session: None,
        label: None,
    }
}

#[tokio::test]
async fn an_account_gets_credit_and_a_key_and_loses_the_key() {
    let admin = Admin::start().await;
    let (status, account) = admin.ask("POST", "/admin/accounts", r#"{"name":"blue","plan":"team"}"#).await;
    let id = account["id"].as_str().unwrap().to_owned();
    let zero = json!({"granted": "0.00", "available": "0.00", "held": "0.00", "spent": "0.00"});
    let created = json!({"id": id, "name": "blue", "kind": "prepaid", "plan": "team", "trial_ends_at": null,
                         "identity": null,
                         "created_at": "2026-01-31T12:00:00.000Z", "balance": zero});
    assert_eq!((status, &account), (200, &created));

    let grants = format!("/admin/accounts/{id}/grants");
    let (status, grant) = admin.ask("POST", &grants, r#"{"amount":"1.50","reference":"invoice 17"}"#).await;
    assert_eq!(status, 200, "{grant}");
    assert_eq!((&grant["amount"], &grant["balance"]), (&json!("1.50"), &json!("1.50")));
    let again = admin.ask("POST", &grants, r#"{"amount":"1.5","reference":"invoice 17"}"#).await;
    assert_eq!(again, (200, grant));
    let (status, other) = admin.ask("POST", &grants, r#"{"amount":"2","reference":"invoice 17"}"#).await;
    assert_eq!((status, &other["error"]["param"]), (409, &json!("reference")));
    let (_, account) = admin.ask("GET", &format!("/admin/accounts/{id}"), "").await;
    assert_eq!(
        (&account["balance"]["granted"], &account["balance"]["available"]),
        (&json!("1.50"), &json!("1.50"))
    );

    let keys = format!("/admin/accounts/{id}/keys");
    let (status, key) = admin.ask("POST", &keys, r#"{"name":"laptop"}"#).await;
    assert_eq!(status, 200, "{key}");
    let secret = key["secret"].as_str().unwrap();
    assert!(secret.starts_with(key["prefix"].as_str().unwrap()));
    assert!(admin.keys.authenticate(secret).is_some());
    let (_, listed) = admin.ask("GET", &format!("/admin/keys?account={id}"), "").await;
    assert_eq!(listed["data"][0]["id"], key["id"]);
    assert!(!listed.to_string().contains(secret), "the secret is shown once");

    let one = format!("/admin/keys/{}", key["id"].as_str().unwrap());
    let (status, revoked) = admin.ask("DELETE", &one, "").await;
    assert_eq!((status, &revoked["revoked_at"]), (200, &json!("2026-01-31T12:00:00.000Z")));
    assert!(admin.keys.authenticate(secret).is_none());
    assert_eq!(admin.ask("DELETE", &one, "").await, (200, revoked));
}

#[tokio::test]
async fn receipts_are_paged_newest_first_and_exact() {
    let admin = Admin::start().await;
    let id = admin.create_account(&json!({"name": "blue", "kind": "metered"})).await;
    for call in 1..=5 {
        admin.settle_a_call(&id, call).await;
    }
    let mut seen = Vec::new();
    let mut path = format!("/admin/activity?account={id}&limit=2");
    loop {
        let (status, page) = admin.ask("GET", &path, "").await;
        assert_eq!(status, 200, "{page}");
        let data = page["data"].as_array().unwrap();
        assert!((1..=2).contains(&data.len()));
        seen.extend(data.iter().map(|receipt| receipt["call_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/admin/activity?account={id}&limit=2&cursor={cursor}");
    }
    let all: Vec<String> = (1..=5).rev().map(|call| CallId::from_bits(call).to_string()).collect();
    assert_eq!(seen, all);

    let request = request("GET", &format!("/admin/receipts/{}", all[0])).body(Body::empty()).unwrap();
    let response = admin.send(request).await;
    let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    for part in [
        r#""started_at":"2026-01-31T12:00:00.123Z""#,
        r#""usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":50,"reasoning_tokens":5}"#,
        r#""price":{"input":"0.10","output":"0.40","cached_input":null},"cost":"0.000023","hold":"0.01""#,
        r#""charge":"0.000023","uncollected":"0.00","outcome":"complete","rule":"reported""#,
        r#""first_token_ms":12.345,"total_ms":512.345,"output_tokens_per_second":100.000"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
