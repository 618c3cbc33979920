//! Clients that leave before the end: who pays what, and what becomes of the upstream's request.

use domain::Money;
use serde_json::{Value, json};

use crate::answer::seen;
use crate::harness::{Gateway, Setup, ask};
use crate::rates::Rates;

/// What the gateway does for a client that has left.
struct Leaving {
    toml: &'static str,
    script: &'static str,
    receipt: (&'static str, &'static str, &'static str),
    /// Whether the upstream is heard to its end.
    heard_out: bool,
}

const DRAINED: (&str, &str, &str) = ("client_gone", "drained", "reported");

/// A provider that is read on for a moment only.
const SHORT_DRAIN: &str = "drain_ms = 200\n";

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_stream_pays_by_the_policy_of_the_provider() {
    let slow = "tokens=40 gap_ms=20";
    let endless = "tokens=600 gap_ms=100";
    let counted = ("client_gone", "relayed", "estimated");
    for leaving in [
        Leaving { toml: "", script: slow, receipt: DRAINED, heard_out: true },
        Leaving { toml: "", script: "tokens=40 gap_ms=20 usage=none", receipt: counted, heard_out: true },
        Leaving { toml: "", script: "tokens=40 gap_ms=20 cut_after=20", receipt: counted, heard_out: true },
        Leaving { toml: SHORT_DRAIN, script: endless, receipt: counted, heard_out: false },
        Leaving { toml: "abort = \"estimate\"\n", script: endless, receipt: counted, heard_out: false },
        Leaving {
            toml: "abort = \"void\"\n",
            script: endless,
            receipt: ("client_gone", "waived", "none"),
            heard_out: false,
        },
    ] {
        leaving.check().await;
    }
}

impl Leaving {
    async fn check(&self) {
        let gateway = Gateway::start_with(Setup { toml: self.toml.to_owned(), ..Setup::default() }).await;
        let question = format!("Hello [[sim {}]]", self.script);
        let mut body = ask(&question);
        body["max_tokens"] = json!(1_000);
        let mut stream = gateway.client.stream(&body).await;
        let call = stream.call_id();
        let mut seen_bytes = 0;
        for _ in 0..6 {
            let event = stream.next().await.expect("an event");
            let event: Value = serde_json::from_slice(&event.data).expect("JSON");
            seen_bytes += seen(&event["choices"][0]["delta"]);
        }
        drop(stream);
        gateway.settled().await;
        gateway.upstream_ended().await;
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), self.receipt, "{question}: {receipt:?}");
        assert_eq!(gateway.sim.requests().last().expect("a request").completed, self.heard_out, "{question}");
        match self.receipt.1 {
            "drained" => assert_eq!((receipt.input, receipt.output), gateway.billed().await, "{question}"),
            "relayed" => {
                assert_eq!(receipt.input, question.len().div_ceil(4) as u64, "{question}");
                assert!(receipt.output >= seen_bytes.div_ceil(4), "{question}: {receipt:?} for {seen_bytes}");
            }
            _ => assert_eq!((receipt.input, receipt.output), (0, 0), "{question}"),
        }
        assert_eq!(receipt.charge, Rates::CEREBRAS.cost(receipt.input, receipt.output), "{question}");
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_token_pays_what_the_upstream_billed() {
    // Without and with comments under way, and a whole call.
    for (toml, streamed) in [("", true), ("[server]\nkeep_alive_ms = 30\n", true), ("", false)] {
        let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
        leave_before_the_first_token(&gateway, "first_token_ms=600", streamed).await;
        gateway
            .until("the call is settled", async |gateway| !gateway.books().receipts().await.is_empty())
            .await;
        let receipts = gateway.books().check().await;
        assert_eq!(receipts[0].ending(), DRAINED, "{toml}");
        assert_eq!((receipts[0].input, receipts[0].output), gateway.billed().await, "{toml}");
        assert_eq!(receipts[0].charge, Rates::CEREBRAS.cost(receipts[0].input, receipts[0].output));
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_token_pays_nothing_where_the_upstream_is_stopped() {
    for (toml, rule) in [
        ("abort = \"estimate\"\n", "nothing_generated"),
        ("abort = \"void\"\n", "waived"),
        (SHORT_DRAIN, "nothing_generated"),
    ] {
        for streamed in [true, false] {
            let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
            // Far longer than the test waits: only its end can end the upstream's request.
            leave_before_the_first_token(&gateway, "first_token_ms=600000", streamed).await;
            gateway.upstream_ended().await;
            gateway
                .until("it is settled", async |gateway| !gateway.books().receipts().await.is_empty())
                .await;
            let receipts = gateway.books().check().await;
            assert_eq!(receipts[0].ending(), ("client_gone", rule, "none"), "{toml} {streamed}");
            assert_eq!(receipts[0].charge, Money::ZERO);
            assert!(!gateway.sim.requests().last().expect("a request").completed);
            assert!(gateway.finish().await);
        }
    }
}

/// Calls, waits until the upstream has the call, and goes.
async fn leave_before_the_first_token(gateway: &Gateway, script: &str, streamed: bool) {
    let mut body = ask(&format!("Hello [[sim {script}]]"));
    body["stream"] = json!(streamed);
    let client = gateway.client.clone();
    let call = tokio::spawn(async move { client.chat(&body).await });
    gateway.until("the upstream has the call", async |gateway| chats_open(gateway)).await;
    call.abort();
    assert!(call.await.expect_err("it was still waiting").is_cancelled());
}

fn chats_open(gateway: &Gateway) -> bool {
    gateway.sim.requests().iter().any(|request| request.open && request.path == "/v1/chat/completions")
}
