//! A thousand calls at once on credit for one: one is served, and nobody else spends, holds or reaches the upstream.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::harness::{Gateway, Setup, answers, ask};
use crate::rates::Rates;

/// Calls in a stampede.
const CALLS: usize = 1_000;

/// Credit for exactly one call, and a thousand calls that want it at once.
struct Stampede {
    choices: u64,
    keys: usize,
    streamed: fn(usize) -> bool,
}

#[tokio::test]
async fn a_thousand_calls_on_credit_for_one() {
    Stampede { choices: 1, keys: 1, streamed: |_| false }.run().await;
}

#[tokio::test]
async fn a_thousand_calls_for_three_choices_each_on_credit_for_one() {
    Stampede { choices: 3, keys: 1, streamed: |_| false }.run().await;
}

#[tokio::test]
async fn a_thousand_streams_on_credit_for_one() {
    Stampede { choices: 1, keys: 1, streamed: |_| true }.run().await;
}

#[tokio::test]
async fn a_thousand_calls_with_many_keys_of_one_account_streamed_and_not_on_credit_for_one() {
    Stampede { choices: 2, keys: 7, streamed: |at| at % 2 == 0 }.run().await;
}

impl Stampede {
    async fn run(&self) {
        let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
        let hold = Rates::HELD.hold(&self.body(0), 64);
        gateway.books().grant(hold, "for one call").await;
        let answers = self.trample(&gateway).await;

        let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.status == 200);
        assert_eq!((served.len(), refused.len()), (1, CALLS - 1));
        assert!(served[0].complete);
        for one in &refused {
            assert_eq!(
                (one.status, one.code.as_deref(), one.should_retry.as_str()),
                (402, Some("insufficient_credits"), "false")
            );
        }
        // They met the hold, not its end.
        for one in &refused {
            assert!(one.message.contains("has $0.00 available"), "{}", one.message);
        }

        let balance = gateway.settled().await;
        let receipts = gateway.books().check().await;
        let paid: Vec<_> = receipts.iter().filter(|one| one.outcome == "complete").collect();
        assert_eq!((receipts.len(), paid.len()), (CALLS, 1));
        assert_eq!(paid[0].hold, hold);
        assert_eq!(paid[0].charge, Rates::CEREBRAS.cost(paid[0].input, paid[0].output));
        assert_eq!((balance.granted, balance.spent), (hold, paid[0].charge));
        assert_eq!(gateway.chats().len(), 1, "only one call was sent on");
        assert!(gateway.finish().await);
    }

    fn body(&self, at: usize) -> Value {
        let mut body = ask("Hello [[sim held=served]]");
        body["n"] = json!(self.choices);
        body["stream"] = json!((self.streamed)(at));
        body
    }

    /// Sends all calls at once.
    async fn trample(&self, gateway: &Gateway) -> Vec<Answer> {
        let mut clients = vec![gateway.client.clone()];
        for at in 1..self.keys {
            let secret = gateway.books().new_key(&format!("key {at}")).await;
            clients.push(gateway.client.with_key(&secret));
        }
        let start = Arc::new(Barrier::new(CALLS));
        let mut calls = JoinSet::new();
        for at in 0..CALLS {
            let (client, body) = (clients[at % clients.len()].clone(), self.body(at).to_string());
            let start = Arc::clone(&start);
            calls.spawn(async move {
                start.wait().await;
                Answer::read(client.send(Method::POST, "/v1/chat/completions", body).await).await
            });
        }
        answers(calls, 1, "served", &gateway.sim).await
    }
}
