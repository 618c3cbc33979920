//! Every way in which a call can end: what its client sees, what its receipt says, what it is charged.

use domain::Money;
use hyper::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::books::Receipt;
use crate::harness::{Gateway, Setup, ask};
use crate::rates::Rates;

/// Deadlines that a test can wait for. The rows that meet them mean to.
const IMPATIENT: &str = "timeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 4000 }\n";

/// One row of a table of endings.
struct Ending {
    script: &'static str,
    sees: Sees<'static>,
    receipt: (&'static str, &'static str, &'static str),
    charge: Charge,
    suspect: bool,
}

/// What the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees<'a> {
    /// A whole answer, or a stream with its end mark.
    Answer,
    /// A stream that ends in an error event of this code, without an end mark.
    Event(&'a str),
    /// A status and the code of its error.
    Error(u16, &'a str),
}

impl Sees<'_> {
    fn of(answer: &Answer) -> Sees<'_> {
        let code = answer.code.as_deref().unwrap_or_default();
        match (answer.complete, answer.status) {
            (true, 200) if code.is_empty() => Sees::Answer,
            (_, 200) => Sees::Event(code),
            (_, status) => Sees::Error(status, code),
        }
    }
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
    sees: Sees<'static>,
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

const fn free(script: &'static str, sees: Sees<'static>, outcome: &'static str) -> Ending {
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
        // Broken before the head of the answer, and after a first event that says nothing.
        free("cut_after=0", Sees::Error(502, "upstream_connection"), "upstream_error"),
        free("cut_after=1", Sees::Event("upstream_cut"), "cut"),
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
        (true, torn("gap_ms=100 tokens=60", "upstream_timeout", "timeout")),
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
        assert_eq!(Sees::of(&answer), self.sees, "{question}: {answer:?}");
        // The charge is durable before the end of the answer, so nobody waits here.
        let receipt = gateway.books().receipt(&answer.call).await;
        assert_eq!(receipt.ending(), self.receipt, "{question}");
        assert_eq!(receipt.suspect, self.suspect, "{question}");
        assert_eq!((receipt.status, &receipt.error), (answer.status.into(), &answer.code), "{question}");
        self.check_charge(gateway, &question, &answer, &receipt).await;
        let after = gateway.settled().await;
        assert_eq!(before.spent.checked_add(receipt.charge), Some(after.spent), "{question}");
        assert_eq!(after.available.checked_add(receipt.charge), Some(before.available), "{question}");
        gateway.upstream_ended().await;
    }

    async fn check_charge(&self, gateway: &Gateway, question: &str, answer: &Answer, receipt: &Receipt) {
        let tokens = (receipt.input, receipt.output);
        match self.charge {
            Charge::Nothing => assert_eq!(tokens, (0, 0), "{question}"),
            Charge::Billed => assert_eq!(tokens, gateway.billed().await, "{question}"),
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
        assert_eq!(receipt.charge, Rates::CEREBRAS.cost(tokens.0, tokens.1), "{question}");
        assert_eq!((receipt.cost, receipt.uncollected), (Some(receipt.charge), Money::ZERO), "{question}");
    }
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
    assert_eq!((receipt.input, receipt.output), gateway.billed().await);
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
        ("headers_ms=300 status=400 code=odd_request", "odd_request", "upstream_error"),
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
