//! What credit buys: the clamp of the output limit, and what is refused.

use domain::{AccountKind, Money};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::Reply;
use crate::harness::{Gateway, Setup, ask, ask_model};
use crate::rates::{Rates, nanos};

/// A model without a price.
const UNPRICED: &str = "katanemo/Arch-Router-1.5B";

/// The body of [`ask`] without an output limit.
fn ask_without_limit(text: &str) -> Value {
    let mut body = ask(text);
    body.as_object_mut().expect("an object").remove("max_tokens");
    body
}

/// A gateway whose account can spend exactly `credit`.
async fn with_credit(credit: Money) -> Gateway {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    gateway.books().grant(credit, "exactly").await;
    gateway
}

#[tokio::test]
async fn a_metered_account_is_never_refused_and_owes_what_it_used() {
    let setup = Setup { credit: "0", kind: AccountKind::Metered, ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let mut calls = JoinSet::new();
    for at in 0..100 {
        let client = gateway.client.clone();
        let mut body = ask(&format!("Question {at}"));
        body["max_tokens"] = json!(1_000_000_000);
        calls.spawn(async move { client.chat(&body).await.status });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    let balance = gateway.settled().await;
    assert_eq!((balance.granted, balance.available), (balance.spent, Money::ZERO));
    let receipts = gateway.books().check().await;
    assert!(receipts.len() == 100 && receipts.iter().all(|one| !one.charge.is_zero()));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unpriced_model_is_refused_to_credit() {
    let gateway = Gateway::start().await;
    for model in [UNPRICED, "meta-llama/Llama-3.1-8B-Instruct:featherless-ai"] {
        let reply = gateway.client.chat(&ask_model(model, "Hello")).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "model_not_priced"), "{reply:?}");
        assert_eq!(error["param"], "model");
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.ending(), ("refused", "not_sent", "none"));
        assert_eq!((receipt.hold, receipt.charge), (Money::ZERO, Money::ZERO));
    }
    assert!(gateway.chats().is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_unpriced_model_is_served_to_a_metered_account_at_a_cost_that_nobody_knows() {
    let gateway = Gateway::start_with(Setup { kind: AccountKind::Metered, ..Setup::default() }).await;
    let mut body = ask_model(UNPRICED, "Hello");
    let whole = gateway.client.chat(&body).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    assert!(
        whole.json()["usage"]["cost"].is_null() && whole.header("x-tollgate-cost").is_empty(),
        "{whole:?}"
    );
    body["stream_options"] = json!({"include_usage": true});
    let stream = gateway.client.stream(&body).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert!(told.done && told.raw.contains("\"cost\":null"), "{}", told.raw);
    for call in [whole.call_id(), call] {
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), ("complete", "reported", "reported"));
        assert_eq!((receipt.cost, receipt.hold, receipt.charge), (None, Money::ZERO, Money::ZERO));
        assert!(receipt.output > 0, "the tokens are counted all the same");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_without_a_limit_gets_the_one_that_the_balance_affords() {
    let body = ask_without_limit("Hello");
    let credit = Rates::HELD.hold(&body, 1_000);
    for streamed in [false, true] {
        let gateway = with_credit(credit).await;
        let mut body = body.clone();
        body["stream"] = json!(streamed);
        let reply = gateway.client.chat(&body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("x-tollgate-max-tokens"), "1000");
        assert_eq!(gateway.chats()[0]["max_tokens"], 1_000, "what was priced is what was sent");
        gateway.settled().await;
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!(receipt.hold, credit, "the limit that was sent is the one that was held");
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_rich_call_without_a_limit_gets_the_default_one_and_holds_no_more() {
    let gateway = Gateway::start().await;
    let body = ask_without_limit("Hello");
    let reply = gateway.client.chat(&body).await;
    let limit: u64 = reply.header("x-tollgate-max-tokens").parse().expect("a limit");
    assert_eq!(gateway.chats()[0]["max_tokens"], limit);
    let receipt = gateway.books().receipt(&reply.call_id()).await;
    assert_eq!(receipt.hold, Rates::HELD.hold(&body, limit));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_balance_below_the_floor_is_told_what_it_affords_and_gets_that() {
    let body = ask_without_limit("Hello");
    let gateway = with_credit(Rates::HELD.hold(&body, 255)).await;
    let reply = gateway.client.chat(&body).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (402, "insufficient_credits"));
    assert_eq!(affordable(&reply), 255);
    let mut limited = body;
    limited["max_tokens"] = json!(255);
    assert_eq!(gateway.client.chat(&limited).await.status, 200);
    gateway.settled().await;
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_limit_that_is_too_dear_is_refused_with_the_one_that_is_not() {
    for choices in [1, 4] {
        let mut body = ask("Hello");
        body["n"] = json!(choices);
        let gateway = with_credit(Rates::HELD.hold(&body, 700)).await;
        for limit in [100_000, 701] {
            body["max_tokens"] = json!(limit);
            let reply = gateway.client.chat(&body).await;
            assert_eq!((reply.status.as_u16(), reply.header("x-should-retry")), (402, "false"));
            assert_eq!(affordable(&reply), 700, "{}", reply.json());
        }
        assert!(gateway.chats().is_empty());
        body["max_tokens"] = json!(700);
        assert_eq!(gateway.client.chat(&body).await.status, 200);
        gateway.settled().await;
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

/// The number that a 402 names.
fn affordable(reply: &Reply) -> u64 {
    let message = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
    let (_, number) = message.rsplit_once("at most ").unwrap_or_else(|| panic!("no number: {message}"));
    number.trim_end_matches('.').parse().expect("a number")
}

#[tokio::test]
async fn one_reference_grants_once_however_often_it_is_sent() {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    let mut grants = JoinSet::new();
    for _ in 0..1_000 {
        let (admin, account) = (gateway.admin.clone(), gateway.account.clone());
        grants.spawn(async move {
            let body = json!({"amount": "0.123456789", "reference": "invoice 7"}).to_string();
            admin.post(&format!("/admin/accounts/{account}/grants"), body).await.json()
        });
    }
    let answers = grants.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(gateway.balance().await.granted, nanos(123_456_789));
    assert!(gateway.finish().await);
}
