//! Every way in which a call can end: what its client sees, what its receipt says, what it is charged.

use std::time::Duration;

use domain::Money;
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::books::{Rates, Receipt};
use crate::client::{Reply, Stream, Told};
use crate::dice::Dice;
use crate::harness::{Gateway, Setup, ask};

/// The offer that serves when nothing fails, at its rates. Its dialect sends usage in a chunk of its own.
const CEREBRAS: Rates = Rates::milli(250, 690);

/// Deadlines that a test can wait for. The rows that meet them mean to.
const IMPATIENT: &str = "timeouts = { first_byte_ms = 300, idle_ms = 300, total_ms = 1200 }\n";

/// One row of a table of endings.
struct Ending {
    script: &'static str,
    sees: Sees,
    receipt: (&'static str, &'static str, &'static str),
    charge: Charge,
    suspect: bool,
}

/// What the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// A whole answer, or a stream with its end mark.
    Answer,
    /// A stream that ends in an error event of this code, without an end mark.
    Event(&'static str),
    /// A status and the code of its error.
    Error(u16, &'static str),
}

/// What is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charge {
    /// The tokens that the upstream itself counted.
    Billed,
    /// The bytes that the client saw, four to a token.
    Seen,
    /// The hold, because the upstream claims more.
    Hold,
    /// Nothing.
    Nothing,
}

const COMPLETE: (&str, &str, &str) = ("complete", "reported", "reported");
const COUNTED: (&str, &str, &str) = ("complete", "relayed", "estimated");

const fn row(
    script: &'static str,
    sees: Sees,
    receipt: (&'static str, &'static str, &'static str),
    charge: Charge,
) -> Ending {
    Ending { script, sees, receipt, charge, suspect: false }
}

const fn lie(
    script: &'static str,
    receipt: (&'static str, &'static str, &'static str),
    charge: Charge,
) -> Ending {
    Ending { script, sees: Sees::Answer, receipt, charge, suspect: true }
}

const fn free(script: &'static str, sees: Sees, outcome: &'static str) -> Ending {
    row(script, sees, (outcome, "nothing_generated", "none"), Charge::Nothing)
}

const fn torn(script: &'static str, code: &'static str, outcome: &'static str) -> Ending {
    row(script, Sees::Event(code), (outcome, "relayed", "estimated"), Charge::Seen)
}

#[tokio::test]
async fn streams_that_reach_their_end() {
    let gateway = Gateway::start().await;
    let answer = |script, receipt, charge| row(script, Sees::Answer, receipt, charge);
    for ending in [
        answer("", COMPLETE, Charge::Billed),
        answer("usage=finish", COMPLETE, Charge::Billed),
        answer("usage=choice", COMPLETE, Charge::Billed),
        answer("usage=growing reasoning=0", COMPLETE, Charge::Billed),
        answer("usage=none", COUNTED, Charge::Seen),
        answer("usage=null", COUNTED, Charge::Seen),
        lie("usage=float", COUNTED, Charge::Seen),
        lie("usage=string", COUNTED, Charge::Seen),
        lie("usage=lying_negative", COUNTED, Charge::Seen),
        lie("usage=lying_huge", COMPLETE, Charge::Hold),
        lie("usage=inconsistent", COMPLETE, Charge::Billed),
        answer("no_done", COMPLETE, Charge::Billed),
        answer("finish=none", COMPLETE, Charge::Billed),
        answer("tokens=4 reasoning=0 cut_after=7", COMPLETE, Charge::Billed),
        answer("tokens=4 reasoning=0 cut_after=6", COUNTED, Charge::Seen),
        answer("garbage=blank", COMPLETE, Charge::Billed),
        answer("garbage=fields comments crlf split=byte", COMPLETE, Charge::Billed),
        answer("garbage=after_done", COMPLETE, Charge::Billed),
        answer("garbage=done_twice", COMPLETE, Charge::Billed),
    ] {
        ending.check(&gateway, true).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn streams_that_break() {
    let gateway = Gateway::start().await;
    let reported = ("upstream_error", "reported", "reported");
    for ending in [
        torn("error_after=5 error=string", "upstream_error", "upstream_error"),
        torn("error_after=5 error=object", "upstream_error", "upstream_error"),
        torn("error_after=5 error=dialect", "upstream_error", "upstream_error"),
        row(
            "error_after=5 usage=growing reasoning=0",
            Sees::Event("upstream_error"),
            reported,
            Charge::Billed,
        ),
        torn("cut_after=5", "upstream_cut", "cut"),
        torn("no_done finish=none usage=none", "upstream_cut", "cut"),
        torn("garbage=json", "upstream_malformed", "upstream_error"),
        torn("garbage=utf8", "upstream_malformed", "upstream_error"),
        torn("garbage=line", "upstream_malformed", "upstream_error"),
        torn("finish=error usage=none", "upstream_error", "upstream_error"),
        free("cut_after=0", Sees::Error(502, "upstream_cut"), "cut"),
        free("error_after=0", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("ok_error", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("status=500", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("status=503 body=html", Sees::Error(503, "upstream_unavailable"), "upstream_error"),
        free("status=429", Sees::Error(429, "rate_limit_exceeded"), "upstream_error"),
        free("status=401", Sees::Error(502, "upstream_auth"), "upstream_error"),
        free("status=402", Sees::Error(503, "upstream_quota_exhausted"), "upstream_error"),
        free("status=422 body=huge", Sees::Error(422, "upstream_rejected"), "upstream_error"),
    ] {
        ending.check(&gateway, true).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn whole_calls() {
    let gateway = Gateway::start().await;
    let answer = |script, receipt, charge| row(script, Sees::Answer, receipt, charge);
    for ending in [
        answer("", COMPLETE, Charge::Billed),
        answer("split=random", COMPLETE, Charge::Billed),
        answer("usage=none", COUNTED, Charge::Seen),
        answer("usage=null", COUNTED, Charge::Seen),
        lie("usage=float", COUNTED, Charge::Seen),
        lie("usage=lying_negative", COUNTED, Charge::Seen),
        lie("usage=lying_huge", COMPLETE, Charge::Hold),
        lie("usage=inconsistent", COMPLETE, Charge::Billed),
        free("cut_after=1", Sees::Error(502, "upstream_cut"), "cut"),
        free("garbage=json", Sees::Error(502, "upstream_malformed"), "upstream_error"),
        free("garbage=utf8", Sees::Error(502, "upstream_malformed"), "upstream_error"),
        free("finish=none", Sees::Error(502, "upstream_malformed"), "upstream_error"),
        free("finish=error", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("ok_error body=html", Sees::Error(502, "upstream_malformed"), "upstream_error"),
        free("ok_error", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("status=500 body=empty", Sees::Error(502, "upstream_error"), "upstream_error"),
        free("status=403", Sees::Error(502, "upstream_auth"), "upstream_error"),
    ] {
        ending.check(&gateway, false).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn upstreams_that_are_silent_for_too_long() {
    let gateway = Gateway::start_with(Setup { toml: IMPATIENT.to_owned(), ..Setup::default() }).await;
    let late = Sees::Error(504, "upstream_timeout");
    for (streamed, ending) in [
        (true, free("hang=headers", late, "timeout")),
        (true, free("hang=body", late, "timeout")),
        (true, free("stall_after=0", late, "timeout")),
        (true, torn("stall_after=5", "upstream_timeout", "stall")),
        (true, torn("gap_ms=60 tokens=60", "upstream_timeout", "timeout")),
        (false, free("hang=headers", late, "timeout")),
        (false, free("hang=body", late, "timeout")),
        (false, free("stall_after=1", late, "timeout")),
        (false, free("first_token_ms=5000", late, "timeout")),
    ] {
        ending.check(&gateway, streamed).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

impl Ending {
    /// Makes the call and proves the whole effect: what the client sees, the receipt, the balance, the upstream.
    async fn check(&self, gateway: &Gateway, streamed: bool) {
        let question = format!("{streamed} [[sim {}]]", self.script);
        let before = gateway.settled().await;
        let mut body = ask(&question);
        body["stream"] = json!(streamed);
        let response = gateway.client.send(Method::POST, "/v1/chat/completions", body.to_string()).await;
        let answer = Answer::read(response).await;
        assert_eq!(answer.sees(), self.sees, "{question}: {answer:?}");
        // The charge is durable before the end of the answer, so nobody waits here.
        let receipt = gateway.books().receipt(&answer.call).await;
        assert_eq!(receipt.ending(), self.receipt, "{question}");
        assert_eq!(receipt.suspect, self.suspect, "{question}");
        assert_eq!((receipt.status, receipt.error.as_deref()), answer.status_and_code(), "{question}");
        self.check_charge(gateway, &question, &answer, &receipt).await;
        let after = gateway.settled().await;
        assert_eq!(before.spent.checked_add(receipt.charge), Some(after.spent), "{question}");
        assert_eq!(after.available.checked_add(receipt.charge), Some(before.available), "{question}");
        upstream_ended(gateway).await;
    }

    async fn check_charge(&self, gateway: &Gateway, question: &str, answer: &Answer, receipt: &Receipt) {
        let tokens = (receipt.input, receipt.output);
        match self.charge {
            Charge::Nothing => assert_eq!(tokens, (0, 0), "{question}"),
            Charge::Billed => assert_eq!(tokens, billed(gateway).await, "{question}"),
            Charge::Seen => {
                let expected = (question.len().div_ceil(4) as u64, answer.seen_bytes.div_ceil(4));
                assert!(expected.1 > 0 && tokens == expected, "{question}: {tokens:?} for {expected:?}");
            }
            Charge::Hold => {
                assert!(receipt.uncollected > receipt.hold, "{question}: {receipt:?}");
                assert_eq!(receipt.charge, receipt.hold, "{question}");
                return;
            }
        }
        assert_eq!(receipt.charge, CEREBRAS.cost(tokens.0, tokens.1), "{question}");
        assert_eq!((receipt.cost, receipt.uncollected), (Some(receipt.charge), Money::ZERO), "{question}");
    }
}

/// What a client got.
#[derive(Debug)]
struct Answer {
    call: String,
    status: u16,
    /// The answer is whole, or its stream has an end mark.
    complete: bool,
    code: Option<String>,
    /// Bytes of generated text.
    seen_bytes: u64,
}

impl Answer {
    async fn read(response: hyper::Response<hyper::body::Incoming>) -> Answer {
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        if kind.starts_with("text/event-stream") {
            let stream = Stream::of(response);
            let (call, status) = (stream.call_id(), stream.status.as_u16());
            Answer::of_stream(call, status, &stream.rest().await)
        } else {
            let reply = Reply::read(response).await;
            let json = reply.json();
            let code = json["error"]["code"].as_str().map(str::to_owned);
            let complete = json["choices"][0]["finish_reason"].is_string();
            let seen_bytes = seen(&json["choices"][0]["message"]);
            Answer { call: reply.call_id(), status: reply.status.as_u16(), complete, code, seen_bytes }
        }
    }

    fn of_stream(call: String, status: u16, told: &Told) -> Answer {
        let code = told.error().map(|error| error["code"].as_str().expect("a code").to_owned());
        let seen_bytes = told.events.iter().map(|event| seen(&event["choices"][0]["delta"])).sum();
        Answer { call, status, complete: told.done, code, seen_bytes }
    }

    fn sees(&self) -> Sees {
        // The codes of the tables live for ever; those of the gateway are its own.
        let code = || &*self.code.clone().unwrap_or_default().leak();
        match (self.complete, self.status) {
            (true, 200) if self.code.is_none() => Sees::Answer,
            (false, 200) => Sees::Event(code()),
            (_, status) => Sees::Error(status, code()),
        }
    }

    fn status_and_code(&self) -> (u64, Option<&str>) {
        (self.status.into(), self.code.as_deref())
    }
}

/// Bytes of the text in a message or a delta.
fn seen(message: &Value) -> u64 {
    ["content", "reasoning"].iter().map(|name| message[*name].as_str().unwrap_or_default().len() as u64).sum()
}

/// Waits until no request is open at the upstream: its connection has ended, one way or the other.
async fn upstream_ended(gateway: &Gateway) {
    gateway.until("the upstream has ended", async |gateway| gateway.sim.open_requests() == 0).await;
}

/// The tokens of the prompt and of the answer that the upstream billed for its last request.
async fn billed(gateway: &Gateway) -> (u64, u64) {
    upstream_ended(gateway).await;
    let usage = gateway.sim.requests().last().expect("a request").usage;
    (usage.prompt_tokens, usage.completion_tokens)
}

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
        upstream_ended(&gateway).await;
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), self.receipt, "{question}: {receipt:?}");
        assert_eq!(gateway.sim.requests().last().expect("a request").completed, self.heard_out, "{question}");
        match self.receipt.1 {
            "drained" => assert_eq!((receipt.input, receipt.output), billed(&gateway).await, "{question}"),
            "relayed" => {
                assert_eq!(receipt.input, question.len().div_ceil(4) as u64, "{question}");
                assert!(receipt.output >= seen_bytes.div_ceil(4), "{question}: {receipt:?} for {seen_bytes}");
            }
            _ => assert_eq!((receipt.input, receipt.output), (0, 0), "{question}"),
        }
        assert_eq!(receipt.charge, CEREBRAS.cost(receipt.input, receipt.output), "{question}");
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
        assert_eq!((receipts[0].input, receipts[0].output), billed(&gateway).await, "{toml}");
        assert_eq!(receipts[0].charge, CEREBRAS.cost(receipts[0].input, receipts[0].output));
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
            upstream_ended(&gateway).await;
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

#[tokio::test]
async fn a_slow_first_token_is_waited_for_with_comments() {
    let toml = "[server]\nkeep_alive_ms = 40\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut body = ask("Hello [[sim first_token_ms=500]]");
    body["stream_options"] = json!({"include_usage": true});
    let stream = gateway.client.stream(&body).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert!(told.raw.starts_with(":") && told.raw.ends_with("data: [DONE]\n\n"), "{}", told.raw);
    assert!(told.done && !told.text().is_empty() && told.usage().is_some(), "{}", told.raw);
    let receipt = gateway.books().receipt(&call).await;
    assert_eq!(receipt.ending(), COMPLETE);
    assert_eq!((receipt.input, receipt.output), billed(&gateway).await);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_error_after_a_slow_start_is_an_event_and_no_clean_end() {
    let toml = "[server]\nkeep_alive_ms = 40\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for (script, code, outcome) in [
        ("headers_ms=300 status=503", "upstream_unavailable", "upstream_error"),
        ("first_token_ms=300 error_after=0", "upstream_error", "upstream_error"),
        ("headers_ms=300 status=400", "upstream_rejected", "upstream_error"),
    ] {
        let stream = gateway.client.stream(&ask(&format!("Hello [[sim {script}]]"))).await;
        let (call, status) = (stream.call_id(), stream.status.as_u16());
        let told = stream.rest().await;
        assert!(status == 200 && told.raw.starts_with(":") && !told.done, "{script}: {}", told.raw);
        assert_eq!(told.error().expect("an error")["code"], code, "{script}");
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), (outcome, "nothing_generated", "none"), "{script}");
        assert_eq!(
            (receipt.status, receipt.error.as_deref()),
            (200, Some(code)),
            "what the client got: {script}"
        );
        assert_eq!(receipt.charge, Money::ZERO);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

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
    upstream_ended(&gateway).await;
    gateway.settled().await;
    let receipts = gateway.books().check().await;
    assert!(receipts.len() <= 300);
    for answer in &answers {
        let receipt = receipts.iter().find(|one| one.call == answer.call).expect("a receipt of every answer");
        assert_eq!(receipt.outcome == "complete", answer.complete, "{answer:?}: {receipt:?}");
        assert!(receipt.charge <= receipt.hold);
    }
    let outcomes: std::collections::HashSet<&str> = receipts.iter().map(|one| one.outcome.as_str()).collect();
    for outcome in ["complete", "refused", "upstream_error", "cut", "stall", "timeout", "client_gone"] {
        assert!(outcomes.contains(outcome), "the mix has no {outcome}: {outcomes:?}");
    }
    assert!(gateway.finish().await);
}
