//! Gateways whose accounts have limits: a clock that the test moves, plans by configuration, and accounts on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tollgate::clock::Clock;

use crate::client::{Client, Reply};
use crate::harness::{Gateway, Setup};

/// Where the tests' clock starts: 2026-01-30, a Friday, at noon.
pub(crate) const NOON_MS: i64 = 1_769_774_400_000;

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

/// An account on a plan, with a dollar and a key.
pub(crate) struct Member {
    pub(crate) account: String,
    pub(crate) secret: String,
    pub(crate) client: Client,
}

impl Time {
    pub(crate) fn new() -> Time {
        Time(Arc::new(AtomicI64::new(NOON_MS)))
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Manual(Arc::clone(&self.0))
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// A gateway with these plans, and its clock.
pub(crate) async fn gateway(plans: &str) -> (Gateway, Time) {
    let time = Time::new();
    let setup = Setup { toml: plans.to_owned(), clock: time.clock(), ..Setup::default() };
    (Gateway::start_with(setup).await, time)
}

impl Gateway {
    /// A new account on `plan`, with a dollar.
    pub(crate) async fn member(&self, plan: &str) -> Member {
        let body = json!({"name": plan, "plan": plan}).to_string();
        let account = self.admin.post("/admin/accounts", body).await.json();
        let account = account["id"].as_str().unwrap_or_else(|| panic!("{account}")).to_owned();
        let grant = json!({"amount": "1.00", "reference": "first"}).to_string();
        let granted = self.admin.post(&format!("/admin/accounts/{account}/grants"), grant).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        let secret = self.new_key(&account).await;
        let client = self.client.with_key(&secret);
        Member { account, secret, client }
    }

    /// Another key of an account.
    pub(crate) async fn new_key(&self, account: &str) -> String {
        let made = self.admin.post(&format!("/admin/accounts/{account}/keys"), r#"{"name":"key"}"#).await;
        made.json()["secret"].as_str().expect("a secret").to_owned()
    }

    /// Puts an account on another plan, or on none.
    pub(crate) async fn put_on(&self, account: &str, plan: Option<&str>) -> Reply {
        let path = format!("/admin/accounts/{account}");
        self.admin.patch(&path, json!({"plan": plan}).to_string()).await
    }
}

/// `error.message` of an error reply.
pub(crate) fn message(reply: &Reply) -> String {
    reply.json()["error"]["message"].as_str().unwrap_or("").to_owned()
}

/// The tokens of prompt and answer.
pub(crate) fn total_tokens(body: &Value) -> u64 {
    body["usage"]["total_tokens"].as_u64().expect("a count")
}
