//! Hundreds of calls at once that end in every way: the books agree to the nano-dollar.

use std::collections::HashSet;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::client::{Client, Stream};
use crate::dice::Dice;
use crate::harness::{Gateway, Setup, ask};

/// What the upstream may do in the mix.
const MIX: [&str; 21] = [
    "",
    "",
    "gap_ms=10",
    "usage=none",
    "usage=lying_huge",
    "usage=lying_negative",
    "usage=twice",
    "usage=growing gap_ms=5 cut_after=9",
    "error_after=0",
    "error_after=4",
    "cut_after=0",
    "cut_after=6 gap_ms=10",
    "no_done",
    "finish=none no_done",
    "status=429 times=1",
    "status=503",
    "first_token_ms=150",
    "stall_after=3",
    "gap_ms=30",
    "hang=headers",
    "garbage=json split=random",
];

#[tokio::test]
async fn after_any_mix_of_endings_the_books_agree_to_the_nano_dollar() {
    let toml = "timeouts = { first_byte_ms = 3000, idle_ms = 1000, total_ms = 6000 }\ndrain_ms = 600\n\
                [server]\nkeep_alive_ms = 50\n";
    let gateway =
        Gateway::start_with(Setup { credit: "0.02", toml: toml.to_owned(), ..Setup::default() }).await;
    let mut dice = Dice::new(7);
    let mut calls = JoinSet::new();
    for at in 0..300 {
        let mut body = ask(&format!("Question {at} [[sim {}]]", dice.pick(&MIX)));
        body["stream"] = json!(dice.below(3) > 0);
        body["n"] = json!(1 + dice.below(2));
        let client = gateway.client.clone();
        match dice.below(6) {
            0 => calls.spawn(leave_after(dice.below(400), client, body)),
            1 => calls.spawn(leave_in_the_middle(dice.below(6), client, body)),
            _ => calls.spawn(async move { Some(Answer::read(post(&client, &body).await).await) }),
        };
    }
    let answers: Vec<Answer> = calls.join_all().await.into_iter().flatten().collect();
    gateway.upstream_ended().await;
    gateway.settled().await;
    let receipts = gateway.books().check().await;
    assert!(receipts.len() <= 300);
    for answer in &answers {
        let receipt = receipts.iter().find(|one| one.call == answer.call).expect("a receipt of every answer");
        assert_eq!(receipt.outcome == "complete", answer.complete, "{answer:?}: {receipt:?}");
        assert!(receipt.charge <= receipt.hold);
    }
    let outcomes: HashSet<&str> = receipts.iter().map(|one| one.outcome.as_str()).collect();
    for outcome in ["complete", "upstream_error", "cut", "stall", "timeout", "client_gone"] {
        assert!(outcomes.contains(outcome), "the mix has no {outcome}: {outcomes:?}");
    }
    assert!(gateway.finish().await);
}

async fn post(client: &Client, body: &Value) -> Response<Incoming> {
    client.send(Method::POST, "/v1/chat/completions", body.to_string()).await
}

/// Leaves after a time, wherever the call is by then.
async fn leave_after(stay_ms: u64, client: Client, body: Value) -> Option<Answer> {
    let call = async { Answer::read(post(&client, &body).await).await };
    timeout(Duration::from_millis(stay_ms), call).await.ok()
}

/// Leaves a stream after some events.
async fn leave_in_the_middle(events: u64, client: Client, mut body: Value) -> Option<Answer> {
    body["stream"] = json!(true);
    let mut stream = Stream::of(post(&client, &body).await);
    for _ in 0..events {
        stream.next().await?;
    }
    None
}
