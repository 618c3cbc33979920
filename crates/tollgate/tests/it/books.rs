//! The books of an account as an operator reads them: balance and receipts, over the admin API.

use std::collections::HashSet;

use domain::Money;
use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{Balance, Gateway};
use crate::rates::nanos;

/// Receipts per page: few, so that every longer list turns pages.
const PAGE: usize = 97;

/// The books of one account.
pub(crate) struct Books<'a> {
    pub(crate) admin: &'a Client,
    pub(crate) account: &'a str,
}

/// What the tests read of a receipt.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) call: String,
    pub(crate) outcome: String,
    pub(crate) rule: String,
    pub(crate) source: String,
    pub(crate) suspect: bool,
    pub(crate) status: u64,
    pub(crate) error: Option<String>,
    pub(crate) attempts: u64,
    pub(crate) served_by: Option<String>,
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) cost: Option<Money>,
    pub(crate) hold: Money,
    pub(crate) charge: Money,
    pub(crate) uncollected: Money,
}

impl Gateway {
    pub(crate) fn books(&self) -> Books<'_> {
        Books { admin: &self.admin, account: &self.account }
    }
}

impl Books<'_> {
    pub(crate) async fn balance(&self) -> Balance {
        Balance::of(&self.admin.get(&format!("/admin/accounts/{}", self.account)).await)
    }

    /// Grants credit and returns the answer.
    pub(crate) async fn grant(&self, amount: Money, reference: &str) -> Value {
        let body = json!({"amount": amount.to_string(), "reference": reference}).to_string();
        let reply = self.admin.post(&format!("/admin/accounts/{}/grants", self.account), body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Makes another key of the account and returns its secret.
    pub(crate) async fn new_key(&self, name: &str) -> String {
        let body = json!({"name": name}).to_string();
        let reply = self.admin.post(&format!("/admin/accounts/{}/keys", self.account), body).await;
        reply.json()["secret"].as_str().expect("a secret").to_owned()
    }

    /// The receipt of a call; `None` while it is not stored.
    pub(crate) async fn find(&self, call: &str) -> Option<Receipt> {
        let reply = self.admin.get(&format!("/admin/receipts/{call}")).await;
        if reply.status == 404 { None } else { Some(Receipt::of(&reply.json())) }
    }

    /// The receipt of a call that has been answered.
    pub(crate) async fn receipt(&self, call: &str) -> Receipt {
        self.find(call).await.unwrap_or_else(|| panic!("no receipt of {call}"))
    }

    /// Every receipt of the account, newest first, page by page.
    pub(crate) async fn receipts(&self) -> Vec<Receipt> {
        let first = format!("/admin/activity?account={}&limit={PAGE}", self.account);
        let mut path = first.clone();
        let mut receipts = Vec::new();
        loop {
            let page = self.admin.get(&path).await.json();
            let data = page["data"].as_array().expect("a page of receipts");
            receipts.extend(data.iter().map(Receipt::of));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{first}&cursor={cursor}"),
                None => return receipts,
            }
        }
    }

    /// Every receipt, after checking that they and the balance say the same to the nano-dollar, that no call has two,
    /// and that nothing is held.
    pub(crate) async fn check(&self) -> Vec<Receipt> {
        let receipts = self.receipts().await;
        let balance = self.balance().await;
        let charged: u128 = receipts.iter().map(|one| u128::from(one.charge.nanos().unsigned_abs())).sum();
        let used = balance.granted.checked_sub(balance.available).expect("no more than was granted");
        assert!(balance.held.is_zero(), "{balance:?}");
        assert_eq!((nanos(charged), used), (balance.spent, balance.spent), "{balance:?}");
        let calls: HashSet<&str> = receipts.iter().map(|one| one.call.as_str()).collect();
        assert_eq!(calls.len(), receipts.len(), "a call has two receipts");
        receipts
    }
}

impl Receipt {
    fn of(json: &Value) -> Receipt {
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("{name}: {json}")).to_owned();
        let some_text = |name: &str| json[name].as_str().map(str::to_owned);
        let money = |name: &str| text(name).parse().expect("an amount");
        let tokens = |name: &str| json["usage"][name].as_u64().expect("a count");
        Receipt {
            call: text("call_id"),
            outcome: text("outcome"),
            rule: text("rule"),
            source: text("usage_source"),
            suspect: json["usage_suspect"].as_bool().expect("a flag"),
            status: json["status"].as_u64().expect("a status"),
            error: some_text("error_code"),
            attempts: json["attempts"].as_u64().expect("a count"),
            served_by: some_text("inference_provider"),
            input: tokens("input_tokens"),
            cached: tokens("cached_input_tokens"),
            output: tokens("output_tokens"),
            cost: some_text("cost").map(|cost| cost.parse().expect("an amount")),
            hold: money("hold"),
            charge: money("charge"),
            uncollected: money("uncollected"),
        }
    }

    /// How it ended, and what that cost by which rule: the part that a table of endings tells.
    pub(crate) fn ending(&self) -> (&str, &str, &str) {
        (&self.outcome, &self.rule, &self.source)
    }
}
