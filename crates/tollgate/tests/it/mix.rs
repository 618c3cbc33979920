//! Hundreds of calls at once that end in every way: the books agree to the nano-dollar.

use std::collections::HashSet;
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::dice::Dice;
use crate::harness::{Gateway, Setup, ask};

/// What the upstream may do in the mix.
const MIX: [&str; 20] = [
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
    "hang=headers",
    "garbage=json split=random",
];

#[tokio::test]
async fn after_any_mix_of_endings_the_books_agree_to_the_nano_dollar() {
    let toml = "timeouts = { first_byte_ms = 1500, idle_ms = 700, total_ms = 2500 }\ndrain_ms = 600\n\
                [server]\nkeep_alive_ms = 50\n";
    let gateway =
        Gateway::start_with(Setup { credit: "0.02", toml: toml.to_owned(), ..Setup::default() }).await;
    let mut dice = Dice::new(7);
    let mut calls = JoinSet::new();
    for at in 0..300 {
        let mut body = ask(&format!("Question {at} [[sim {}]]", dice.pick(&MIX)));
        body["stream"] = json!(dice.below(3) > 0);
        body["n"] = json!(1 + dice.below(2));
        let stay = if dice.below(3) == 0 { dice.below(400) } else { 60_000 };
        let client = gateway.client.clone();
        calls.spawn(async move {
            let call = async {
                Answer::read(client.send(Method::POST, "/v1/chat/completions", body.to_string()).await).await
            };
            timeout(Duration::from_millis(stay), call).await.ok()
        });
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
    for outcome in ["complete", "refused", "upstream_error", "cut", "stall", "timeout", "client_gone"] {
        assert!(outcomes.contains(outcome), "the mix has no {outcome}: {outcomes:?}");
    }
    assert!(gateway.finish().await);
}
