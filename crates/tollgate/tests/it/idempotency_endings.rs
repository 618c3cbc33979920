//! What a repeat with an `Idempotency-Key` gets after each ending of the first call: what was paid for is given again,
//! and what was free may be tried again.

use bytes::Bytes;
use domain::Money;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client::Stream;
use crate::harness::{Gateway, Setup, ask};
use crate::idempotency::{assert_replayed, call, open, question};
use crate::raw::{ANSWER, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk, reply};

/// How a call ends, and whether its answer is kept.
struct Ending {
    script: &'static str,
    streamed: bool,
    kept: bool,
}

const fn kept(streamed: bool, script: &'static str) -> Ending {
    Ending { script, streamed, kept: true }
}

const fn free(streamed: bool, script: &'static str) -> Ending {
    Ending { script, streamed, kept: false }
}

#[tokio::test]
async fn what_is_charged_for_is_kept_and_what_fails_for_nothing_may_be_tried_again() {
    let toml = "timeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 20000 }\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for ending in [
        kept(true, ""),
        kept(true, "usage=none"),
        kept(true, "usage=lying_huge"),
        kept(true, "no_done"),
        kept(true, "cut_after=5"),
        kept(true, "error_after=5 error=object"),
        kept(true, "garbage=json"),
        kept(true, "stall_after=5"),
        free(true, "cut_after=0"),
        free(true, "cut_after=1"),
        free(true, "error_after=0"),
        free(true, "hang=headers"),
        free(true, "status=503 body=html"),
        free(true, "status=422"),
        kept(false, ""),
        kept(false, "usage=none"),
        kept(false, "usage=lying_huge"),
        free(false, "cut_after=1"),
        free(false, "finish=error"),
        free(false, "garbage=json"),
        free(false, "hang=body"),
        free(false, "status=500 body=empty"),
        free(false, "status=429"),
    ] {
        ending.check(&gateway).await;
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

impl Ending {
    async fn check(&self, gateway: &Gateway) {
        let name = format!("{} [[sim {}]]", self.streamed, self.script);
        let body = question(&name, self.streamed);
        let before = gateway.settled().await.spent;
        let key = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let first = call(&gateway.client, &key, &body).await;
        // An answer is settled before its end, so nobody waits here.
        let charged = gateway.balance().await.spent;
        assert_eq!(charged != before, self.kept, "{name}");
        let calls = gateway.chats().len();
        let again = call(&gateway.client, &key, &body).await;
        if self.kept {
            assert_replayed(&first, &again);
            assert_eq!(gateway.settled().await.spent, charged, "{name}");
        } else {
            assert_eq!(again.header("idempotent-replayed"), "", "{name}: {again:?}");
            assert_eq!(first.status, again.status, "{name}");
        }
        assert_eq!(gateway.chats().len() == calls, self.kept, "{name}");
    }
}

#[tokio::test]
async fn what_is_refused_leaves_its_key_free() {
    let gateway = Gateway::start_with(Setup { credit: "0", ..Setup::default() }).await;
    let body = ask("Hello");
    let refused = call(&gateway.client, "k", &json!({"model": 7})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let mut unknown = body.clone();
    unknown["model"] = json!("no/such-model");
    assert_eq!(call(&gateway.client, "k", &unknown).await.status, 404);
    assert_eq!(call(&gateway.client, "k", &body).await.status, 402);
    gateway.books().grant("1.00".parse().expect("an amount"), "at last").await;
    let first = call(&gateway.client, "k", &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_replayed(&first, &call(&gateway.client, "k", &body).await);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Opens a stream, reads a few events and leaves.
async fn leave(gateway: &Gateway, key: &str, body: &Value) {
    let mut stream = Stream::of(open(&gateway.client, key, body).await);
    for _ in 0..6 {
        assert!(stream.next().await.is_some());
    }
}

#[tokio::test]
async fn a_client_that_left_and_comes_back_gets_what_it_paid_for() {
    let gateway = Gateway::start().await;
    let body = question("Hello [[sim tokens=40 gap_ms=20]]", true);
    leave(&gateway, "k", &body).await;
    let early = call(&gateway.client, "k", &body).await;
    assert_eq!((early.status.as_u16(), early.code().as_str()), (409, "idempotency_in_progress"));
    let paid = gateway.settled().await.spent;
    assert!(!paid.is_zero());
    let again = Stream::of(open(&gateway.client, "k", &body).await);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let receipt = gateway.books().receipt(&again.call_id()).await;
    assert_eq!(receipt.ending(), ("client_gone", "drained", "reported"));
    let told = again.rest().await;
    assert!(told.done && told.error().is_none() && !told.text().is_empty(), "{told:?}");
    assert_eq!(told.usage().expect("usage was asked for")["completion_tokens"], receipt.output);
    assert!(told.events.len() > 40, "each token that came after the client had left: {told:?}");
    assert_eq!((gateway.chats().len(), gateway.settled().await.spent), (1, paid));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn where_the_upstream_is_stopped_what_was_paid_for_is_the_beginning() {
    let toml = "abort = \"estimate\"\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let body = question("Hello [[sim tokens=600 gap_ms=100]]", true);
    leave(&gateway, "k", &body).await;
    let paid = gateway.settled().await.spent;
    assert!(!paid.is_zero());
    let told = Stream::of(open(&gateway.client, "k", &body).await).rest().await;
    assert!(!told.done && told.error().expect("an error event")["code"] == "client_gone", "{told:?}");
    assert!(told.events.len() > 5, "{told:?}");
    assert_eq!((gateway.chats().len(), gateway.settled().await.spent), (1, paid));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_that_was_waived_may_be_made_again() {
    let toml = "abort = \"void\"\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let body = question("Hello [[sim tokens=60 gap_ms=20]]", true);
    leave(&gateway, "k", &body).await;
    gateway.upstream_ended().await;
    assert_eq!(gateway.settled().await.spent, Money::ZERO);
    let again = call(&gateway.client, "k", &body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, ""));
    assert_eq!(gateway.chats().len(), 2);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_that_a_stop_has_cut_is_the_same_after_the_restart() {
    let toml = "[server]\ndrain_ms = 100\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let body = question("Hello [[sim tokens=600 gap_ms=50]]", true);
    let mut stream = Stream::of(open(&gateway.client, "k", &body).await);
    for _ in 0..6 {
        assert!(stream.next().await.is_some());
    }
    let (key, seen) = (gateway.key.clone(), tokio::spawn(stream.rest()));
    let folder = gateway.finish_keeping().await;
    let seen = seen.await.expect("a stream");
    assert_eq!(seen.error().expect("an error event")["code"], "shutting_down");
    let gateway = Gateway::start_with(Setup { folder: Some(folder), ..Setup::default() }).await;
    let again = call(&gateway.client.with_key(&key), "k", &body).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(String::from_utf8_lossy(&again.body), seen.raw);
    assert!(gateway.chats().is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_be_kept_is_charged_once_all_the_same() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let long = "x".repeat(600 << 10);
    let whole = ANSWER.replace("Well.", &long.repeat(2));
    let events = [STREAM_HEAD, &chunk(&long), &chunk(&long), FINISH, USAGE, "data: [DONE]\n\n"].concat();
    for (key, said) in [("whole", reply("200 OK", "application/json", &whole)), ("stream", events)] {
        let mut body = ask_raw("Hello");
        body["stream"] = json!(key == "stream");
        let said = Bytes::from(said);
        let (first, _) = tokio::join!(call(&gateway.client, key, &body), raw.answer(&said));
        assert_eq!((first.status.as_u16(), first.body.len() > 1 << 20), (200, true));
        let spent = gateway.settled().await.spent;
        assert!(!spent.is_zero());
        let again = call(&gateway.client, key, &body).await;
        assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "idempotency_answer_too_large"));
        assert_eq!(again.header("x-should-retry"), "false");
        let message = again.json()["error"]["message"].as_str().expect("a text").to_owned();
        assert!(message.contains(&first.call_id()), "{message}");
        body["max_tokens"] = json!(7);
        assert_eq!(call(&gateway.client, key, &body).await.status, 422);
        assert_eq!(gateway.settled().await.spent, spent);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

/// Takes the right to write from everybody else.
fn lock(gateway: &Gateway) -> Connection {
    let connection = Connection::open(gateway.database()).expect("a database");
    connection.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout");
    connection.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    connection
}

#[tokio::test]
async fn a_withheld_answer_is_asked_for_anew_and_a_withheld_end_is_given_again() {
    for streamed in [false, true] {
        let toml = "[server]\nsettle_ms = 300\n".to_owned();
        let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
        let stranger = lock(&gateway);
        let body = question("Hello", streamed);
        let withheld = call(&gateway.client, "k", &body).await;
        let said = String::from_utf8_lossy(&withheld.body).into_owned();
        assert!(said.contains("billing_unavailable") && !said.contains("[DONE]"), "{said}");
        drop(stranger);
        gateway
            .until("it is ready again", async |gateway| gateway.client.get("/readyz").await.status == 200)
            .await;
        let paid = gateway.settled().await.spent;
        let again = call(&gateway.client, "k", &body).await;
        assert_eq!(again.status, 200, "{again:?}");
        if streamed {
            // It was delivered but for its end, and charged.
            assert!(!paid.is_zero());
            assert_eq!((again.header("idempotent-replayed"), gateway.chats().len()), ("true", 1));
            assert!(again.body.ends_with(b"data: [DONE]\n\n"));
            assert_eq!(gateway.settled().await.spent, paid);
        } else {
            assert!(paid.is_zero());
            assert_eq!((again.header("idempotent-replayed"), gateway.chats().len()), ("", 2));
        }
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}
