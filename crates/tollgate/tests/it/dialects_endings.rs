//! Every ending in every dialect: the upstream is heard, billed and charged as for a chat client, and each client is told
//! the end in its own words, never a clean one where there was none.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::json;

use crate::books::Receipt;
use crate::client::Stream;
use crate::dialects::{DIALECTS, Dialect, Seen, stored};
use crate::harness::{Gateway, Setup};

/// How a script ends, in the words of each dialect.
pub(crate) struct Row {
    pub(crate) script: &'static str,
    pub(crate) streamed: bool,
    /// The status, and whether the end is a clean one.
    status: u16,
    complete: bool,
    /// The code of the error for chat and completions, for responses, and the type for messages; or of the finish.
    says: [&'static str; 3],
    /// The status of the response that is stored of it; empty where none is.
    stored: &'static str,
}

const STOP: [&str; 3] = ["stop", "completed", "end_turn"];
const LENGTH: [&str; 3] = ["length", "incomplete", "max_tokens"];

const fn clean(streamed: bool, script: &'static str) -> Row {
    Row { script, streamed, status: 200, complete: true, says: STOP, stored: "completed" }
}

const fn broken(script: &'static str, says: [&'static str; 3]) -> Row {
    Row { script, streamed: true, status: 200, complete: false, says, stored: "failed" }
}

const fn refused(streamed: bool, script: &'static str, status: u16, says: [&'static str; 3]) -> Row {
    Row { script, streamed, status, complete: false, says, stored: "" }
}

const UPSTREAM: [&str; 3] = ["upstream_error", "server_error", "api_error"];
const UPSTREAM_WHOLE: [&str; 3] = ["upstream_error", "upstream_error", "api_error"];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        clean(true, "tokens=8"),
        clean(false, "tokens=8"),
        clean(true, "tokens=8 usage=none"),
        clean(false, "tokens=8 usage=none"),
        clean(true, "tokens=8 no_done"),
        clean(true, "tokens=8 split=byte comments crlf"),
        Row { says: LENGTH, stored: "incomplete", ..clean(true, "tokens=90") },
        Row { says: LENGTH, stored: "incomplete", ..clean(false, "tokens=90") },
        broken("tokens=40 error_after=5 error=object", UPSTREAM),
        broken("tokens=40 cut_after=5", ["upstream_cut", "server_error", "api_error"]),
        broken("tokens=40 garbage=json", ["upstream_malformed", "server_error", "api_error"]),
        broken("tokens=40 stall_after=5", ["upstream_timeout", "server_error", "timeout_error"]),
        refused(true, "error_after=0", 502, UPSTREAM_WHOLE),
        refused(true, "status=500", 502, UPSTREAM_WHOLE),
        refused(
            true,
            "status=503 body=html",
            503,
            ["upstream_unavailable", "upstream_unavailable", "overloaded_error"],
        ),
        refused(true, "status=429", 429, ["rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_error"]),
        refused(true, "hang=headers", 504, ["upstream_timeout", "upstream_timeout", "timeout_error"]),
        refused(false, "status=422", 422, ["validation", "validation", "invalid_request_error"]),
        refused(false, "finish=error", 502, UPSTREAM_WHOLE),
        refused(false, "finish=none", 502, ["upstream_malformed", "upstream_malformed", "api_error"]),
        refused(false, "cut_after=1", 502, ["upstream_cut", "upstream_cut", "api_error"]),
        refused(false, "hang=body", 504, ["upstream_timeout", "upstream_timeout", "timeout_error"]),
    ]
}

#[tokio::test]
async fn an_ending_is_charged_alike_and_told_in_the_words_of_each_dialect() {
    let toml = "timeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 20000 }\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for row in rows() {
        row.check(&gateway).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

impl Row {
    async fn check(&self, gateway: &Gateway) {
        let mut chats: Option<(Seen, Receipt)> = None;
        for dialect in DIALECTS {
            let name = format!("{dialect:?} {} [[sim {}]]", self.streamed, self.script);
            let question = format!("Hello [[sim {}]]", self.script);
            let seen = dialect.question(&gateway.client, &question, self.streamed).await;
            self.check_seen(dialect, &seen, &name);
            let receipt = gateway.books().receipt(&seen.call).await;
            let shown = gateway.admin.get(&format!("/admin/receipts/{}", seen.call)).await.json();
            assert_eq!(shown["dialect"], dialect.word(), "{name}");
            let call = seen.call.clone();
            match &chats {
                None => chats = Some((seen, receipt)),
                Some((chat, expected)) => {
                    assert_eq!(seen.text, chat.text, "{name}");
                    same_bill(&receipt, expected, &name);
                }
            }
            self.check_stored(gateway, dialect, &call, &name).await;
        }
    }

    pub(crate) fn check_seen(&self, dialect: Dialect, seen: &Seen, name: &str) {
        let says = match dialect {
            Dialect::Chat | Dialect::Completions => self.says[0],
            Dialect::Responses => self.says[1],
            Dialect::Messages => self.says[2],
        };
        assert_eq!((seen.status, seen.complete), (self.status, self.complete), "{name}: {}", seen.raw);
        if self.complete {
            assert_eq!((seen.finish.as_str(), seen.error.as_str()), (says, ""), "{name}: {}", seen.raw);
        } else {
            assert_eq!(seen.error, says, "{name}: {}", seen.raw);
        }
        for mark in ["[DONE]", "message_stop", "response.completed", "response.incomplete"] {
            assert!(self.complete || !seen.raw.contains(mark), "{name}: {}", seen.raw);
        }
    }

    /// Of the responses dialect alone something is kept, unless a session is named.
    async fn check_stored(&self, gateway: &Gateway, dialect: Dialect, call: &str, name: &str) {
        let reply = stored(&gateway.client, &call.replace("call_", "resp_")).await;
        let expected = if dialect == Dialect::Responses { self.stored } else { "" };
        let found = if reply.status == 404 { String::new() } else { reply.json()["status"].to_string() };
        assert_eq!(found.trim_matches('"'), expected, "{name}: {reply:?}");
    }
}

/// All that is counted and charged.
fn same_bill(receipt: &Receipt, expected: &Receipt, name: &str) {
    let bill = |one: &Receipt| {
        let ending = [&one.outcome, &one.rule, &one.source].map(ToOwned::to_owned);
        let tokens = (one.input, one.cached, one.output);
        (ending, one.status, one.error.clone(), one.suspect, tokens, one.charge, one.attempts)
    };
    assert_eq!(bill(receipt), bill(expected), "{name}");
}

/// Words with which no stream that broke may end.
const CLEAN: [&str; 4] = ["[DONE]", "message_stop", "response.completed", "response.incomplete"];

/// The finish reasons that say nothing: none, and one that nobody knows.
#[tokio::test]
async fn an_end_that_nobody_explains_is_success_in_no_dialect_that_has_to_name_it() {
    let gateway = Gateway::start().await;
    for script in ["tokens=8 finish=none", "tokens=8 finish=abort"] {
        let question = format!("Hello [[sim {script}]]");
        let chat = Dialect::Chat.question(&gateway.client, &question, true).await;
        assert!(chat.complete, "a chat client sees what the upstream said: {}", chat.raw);
        let expected = gateway.books().receipt(&chat.call).await;
        for dialect in [Dialect::Responses, Dialect::Messages, Dialect::Completions] {
            let name = format!("{dialect:?} {script}");
            let seen = dialect.question(&gateway.client, &question, true).await;
            assert!(!seen.complete && !seen.error.is_empty(), "{name}: {}", seen.raw);
            assert!(CLEAN.iter().all(|mark| !seen.raw.contains(mark)), "{name}: {}", seen.raw);
            same_bill(&gateway.books().receipt(&seen.call).await, &expected, &name);
            let kept = stored(&gateway.client, &seen.response()).await;
            let status = if dialect == Dialect::Responses { "failed" } else { "" };
            let found = if kept.status == 404 { String::new() } else { kept.json()["status"].to_string() };
            assert_eq!(found.trim_matches('"'), status, "{name}");

            // In one piece, nothing of it has reached the client: it has failed like an answer that is no answer, and is free.
            let seen = dialect.question(&gateway.client, &question, false).await;
            let says = if dialect == Dialect::Messages { "api_error" } else { "upstream_malformed" };
            assert_eq!((seen.status, seen.error.as_str()), (502, says), "{name}: {}", seen.raw);
            let receipt = gateway.books().receipt(&seen.call).await;
            assert_eq!(receipt.ending(), ("upstream_error", "nothing_generated", "none"), "{name}");
            assert!(receipt.charge.is_zero(), "{name}: {receipt:?}");
            assert_eq!(stored(&gateway.client, &seen.response()).await.status, 404, "{name}");
        }
    }
    let chat = Dialect::Chat.question(&gateway.client, "Hello [[sim tokens=8 finish=abort]]", false).await;
    assert!(chat.complete, "a chat client sees what the upstream said: {}", chat.raw);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_client_that_leaves_pays_alike_and_its_response_is_whole_all_the_same() {
    let gateway = Gateway::start().await;
    let mut bills = HashMap::new();
    for dialect in DIALECTS {
        let mut body = dialect.ask("Hello [[sim tokens=40 gap_ms=10]]");
        body["stream"] = json!(true);
        let mut stream = Stream::of(dialect.open(&gateway.client, &body).await);
        let call = stream.call_id();
        for _ in 0..6 {
            assert!(stream.next().await.is_some());
        }
        drop(stream);
        gateway.settled().await;
        gateway.upstream_ended().await;
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!(receipt.ending(), ("client_gone", "drained", "reported"), "{dialect:?}");
        bills.insert(format!("{:?}", (receipt.input, receipt.output, receipt.charge)), dialect);
        if dialect == Dialect::Responses {
            let kept = stored(&gateway.client, &call.replace("call_", "resp_")).await.json();
            assert_eq!(kept["status"], "completed", "it was drained to its end: {kept}");
        }
    }
    assert_eq!(bills.len(), 1, "{bills:?}");
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stop_ends_streams_of_every_dialect_with_an_error() {
    let toml = "[server]\ndrain_ms = 100\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut open = Vec::new();
    for dialect in DIALECTS {
        let mut body = dialect.ask("Hello [[sim tokens=3000 gap_ms=50]]");
        body["stream"] = json!(true);
        for name in ["max_tokens", "max_output_tokens"] {
            if body.get(name).is_some() {
                body[name] = json!(100_000);
            }
        }
        let mut stream = Stream::of(dialect.open(&gateway.client, &body).await);
        assert!(stream.next().await.is_some());
        open.push((dialect, stream));
    }
    let reading = async {
        for (dialect, stream) in open {
            let told = stream.rest().await;
            let last = told.events.last().expect("an event");
            let code = match dialect {
                Dialect::Chat | Dialect::Completions => &last["error"]["code"],
                Dialect::Responses => &last["response"]["error"]["code"],
                Dialect::Messages => &last["error"]["type"],
            };
            let says = match dialect {
                Dialect::Chat | Dialect::Completions => "shutting_down",
                Dialect::Responses => "server_error",
                Dialect::Messages => "overloaded_error",
            };
            assert_eq!(code, says, "{dialect:?}: {last}");
            assert!(CLEAN.iter().all(|mark| !told.raw.contains(mark)), "{dialect:?}: {}", told.raw);
        }
    };
    let (_, folder) = tokio::join!(reading, gateway.finish_keeping());
    let database = Connection::open(folder.path().join("tollgate.db")).expect("a database");
    let statuses: Vec<String> = database
        .prepare("SELECT status FROM turns")
        .expect("a table")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("rows");
    assert_eq!(statuses, ["failed"], "the response that broke off is kept as such");
}

#[tokio::test]
async fn what_could_not_be_stored_ends_in_no_dialect_as_if_it_had_been() {
    let toml = "[server]\nsettle_ms = 300\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for dialect in DIALECTS {
        for streamed in [true, false] {
            let name = format!("{dialect:?} {streamed}");
            let stranger = Connection::open(gateway.database()).expect("a database");
            stranger.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout");
            stranger.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
            let seen = dialect.question(&gateway.client, "Hello", streamed).await;
            drop(stranger);
            gateway
                .until("it is ready again", async |gateway| gateway.client.get("/readyz").await.status == 200)
                .await;
            gateway.settled().await;
            let says = match (dialect, streamed) {
                (Dialect::Chat | Dialect::Completions, _) | (Dialect::Responses, false) => {
                    "billing_unavailable"
                }
                (Dialect::Responses, true) => "server_error",
                (Dialect::Messages, false) => "overloaded_error",
                (Dialect::Messages, true) => "api_error",
            };
            assert_eq!((seen.status, seen.complete), (if streamed { 200 } else { 503 }, false), "{name}");
            assert_eq!(seen.error, says, "{name}: {}", seen.raw);
            assert!(CLEAN.iter().all(|mark| !seen.raw.contains(mark)), "{name}: {}", seen.raw);
            let receipt = gateway.books().receipt(&seen.call).await;
            assert_eq!(
                (receipt.outcome.as_str(), receipt.charge.is_zero()),
                ("unsettled", !streamed),
                "{name}"
            );
            // What its client saw fail is not there as if it had not.
            assert_eq!(stored(&gateway.client, &seen.response()).await.status, 404, "{name}");
        }
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_error_after_a_slow_start_is_an_event_of_each_dialect() {
    let toml = "[server]\nkeep_alive_ms = 40\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for (dialect, says) in [
        (Dialect::Responses, "server_error"),
        (Dialect::Messages, "overloaded_error"),
        (Dialect::Completions, "upstream_unavailable"),
    ] {
        let seen = dialect.question(&gateway.client, "Hello [[sim headers_ms=300 status=503]]", true).await;
        assert_eq!((seen.status, seen.complete, seen.error.as_str()), (200, false, says), "{}", seen.raw);
        let receipt = gateway.books().receipt(&seen.call).await;
        assert_eq!(receipt.ending(), ("upstream_error", "nothing_generated", "none"), "{dialect:?}");
        assert_eq!(
            stored(&gateway.client, &seen.response()).await.status,
            404,
            "{dialect:?}: it never began"
        );
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
