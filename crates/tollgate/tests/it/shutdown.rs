//! Stopping the real program: open streams finish or get an error event, all is settled, and it says so by its exit
//! code.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Money;
use hf_sim::{HfSim, SimConfig};
use http_body_util::Full;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tollgate::ledger::{AuditReport, audit};

use crate::client::{Client, Stream, Told};
use crate::harness::{PATIENCE, ask};
use crate::pressure::{ask_raw_streamed, http_2, slow_client, until_still};
use crate::process::Process;
use crate::raw::{Raw, STREAM_HEAD, chunk};

/// Streams that are open when the signal comes.
const STREAMS: usize = 20;

/// Streams that finish by themselves within a second or two, and streams that do not.
const SHORT: &str = "tokens=40 gap_ms=25";
const ENDLESS: &str = "tokens=3000 gap_ms=100";

/// A gateway that is about to be stopped.
struct Stage {
    folder: TempDir,
    sim: HfSim,
    process: Process,
    client: Client,
}

impl Stage {
    async fn new(toml: &str) -> Stage {
        let folder = tempfile::tempdir().expect("a folder");
        let sim = HfSim::start(SimConfig::default()).expect("the simulator");
        let process = Process::start(folder.path(), &sim, toml).await;
        let client = Client::new(&process.url(), &process.text("key").expect("made at the first start"));
        Stage { folder, sim, process, client }
    }

    /// Opens streams and reads the first events of each.
    async fn open(&self, script: &str) -> Vec<Stream> {
        let mut streams = Vec::new();
        for at in 0..STREAMS {
            let mut body = ask(&format!("Question {at} [[sim {script}]]"));
            body["max_tokens"] = json!(100_000);
            let mut stream = self.client.stream(&body).await;
            assert!(stream.next().await.is_some() && stream.next().await.is_some());
            streams.push(stream);
        }
        streams
    }

    /// The books after the end: they are in order, and every stream was paid for.
    fn audit(&self, streams: usize) -> AuditReport {
        let report = audit(&self.folder.path().join("tollgate.db")).expect("a database");
        assert!(report.ok, "{:?}", report.violations);
        assert_eq!((report.calls, report.held), (streams as u64, Money::ZERO));
        report
    }
}

/// Reads the streams to their ends.
async fn all(streams: Vec<Stream>) -> Vec<Told> {
    let mut told = Vec::new();
    for stream in streams {
        told.push(stream.rest().await);
    }
    told
}

/// How many of them ended well.
async fn finished(streams: Vec<Stream>) -> usize {
    all(streams).await.iter().filter(|one| one.done && one.error().is_none()).count()
}

#[tokio::test]
async fn open_streams_finish_after_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut stage = Stage::new("").await;
        let streams = stage.open(SHORT).await;
        stage.process.signal(signal);
        assert_eq!(finished(streams).await, STREAMS, "{signal}");
        assert_eq!(stage.process.exit().await.code(), Some(0), "{signal}");
        let report = stage.audit(STREAMS);
        assert!(!report.spent.is_zero());
    }
}

#[tokio::test]
async fn streams_that_are_open_at_the_drain_deadline_get_an_error_event_and_are_settled() {
    let mut stage = Stage::new("[server]\ndrain_ms = 300\n").await;
    let streams = stage.open(ENDLESS).await;
    stage.process.signal("TERM");
    let told = all(streams).await;
    for one in &told {
        assert!(!one.done, "a stream that was stopped has no end mark: {one:?}");
        assert_eq!(one.error().expect("an error event")["code"], "shutting_down");
    }
    assert_eq!(stage.process.exit().await.code(), Some(0));
    let report = stage.audit(STREAMS);
    assert!(!report.spent.is_zero(), "what was relayed is charged");
    // The upstream is not left to generate for nobody.
    let begun = Instant::now();
    while stage.sim.open_requests() > 0 {
        assert!(begun.elapsed() < PATIENCE, "the upstream's requests never ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A stream whose client takes nothing, so that every buffer between is full.
#[tokio::test]
async fn a_client_that_does_not_read_is_settled_at_the_drain_deadline_too() {
    for version in [1, 2] {
        let raw = Raw::start().await;
        let toml = raw.toml_with("abort = \"estimate\"") + "[server]\ndrain_ms = 100\n";
        let mut stage = Stage::new(&toml).await;
        let (url, key) = (stage.process.url(), stage.process.text("key").expect("made at the first start"));
        let upstream = tokio::spawn(flood(raw));
        let (written, _client): (_, Box<dyn std::any::Any>) = if version == 1 {
            let client = slow_client(&url, &key, &ask_raw_streamed()).await;
            client.peek(&mut [0]).await.expect("the answer begins");
            (upstream.await.expect("a request"), Box::new(client))
        } else {
            let mut sender = http_2(&url).await;
            let request = hyper::Request::post(format!("{url}/v1/chat/completions"));
            let request = request.header("authorization", format!("Bearer {key}"));
            let body = Full::new(Bytes::from(ask_raw_streamed().to_string()));
            let response = sender.send_request(request.body(body).expect("a request")).await;
            (upstream.await.expect("a request"), Box::new((sender, response)))
        };
        until_still(&written).await;
        stage.process.signal("TERM");
        assert_eq!(stage.process.exit().await.code(), Some(0), "HTTP/{version}");
        let report = stage.audit(1);
        assert!(!report.spent.is_zero(), "what was relayed is charged");
        let database = Connection::open(stage.folder.path().join("tollgate.db")).expect("a database");
        let outcome: String =
            database.query_row("SELECT outcome FROM receipts", [], |row| row.get(0)).expect("a receipt");
        // The system may find room for a little more at any time, and with it for the error event.
        assert!(["client_gone", "shutdown"].contains(&outcome.as_str()), "HTTP/{version}: {outcome}");
    }
}

/// Answers the next request with a stream without end, and counts the bytes that are taken.
async fn flood(raw: Raw) -> Arc<AtomicUsize> {
    let mut upstream = raw.accept().await;
    upstream.write(STREAM_HEAD.as_bytes()).await;
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    tokio::spawn(async move {
        let event = chunk(&"x".repeat(8 << 10));
        while upstream.stream.write_all(event.as_bytes()).await.is_ok() {
            counter.fetch_add(event.len(), Ordering::Relaxed);
        }
    });
    written
}

#[tokio::test]
async fn whole_calls_and_calls_that_wait_for_their_first_token_end_at_the_drain_deadline_too() {
    let mut stage = Stage::new("[server]\ndrain_ms = 300\nkeep_alive_ms = 50\n").await;
    let waiting = stage.client.stream(&ask("Hello [[sim first_token_ms=600000]]")).await;
    let client = stage.client.clone();
    let whole = tokio::spawn(async move { client.chat(&ask("Hello [[sim hang=headers]]")).await });
    let begun = Instant::now();
    while stage.sim.open_requests() < 2 {
        assert!(begun.elapsed() < PATIENCE, "the calls never reached the upstream");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.process.signal("TERM");
    let told = waiting.rest().await;
    assert!(!told.done && told.error().expect("an error event")["code"] == "shutting_down", "{}", told.raw);
    let reply = whole.await.expect("an answer");
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "shutting_down"));
    assert_eq!(stage.process.exit().await.code(), Some(0));
    assert!(stage.audit(2).spent.is_zero(), "nothing was generated");
}

#[tokio::test]
async fn once_it_stops_it_is_not_ready_and_takes_no_connection() {
    // One worker, so that what the first connection sent is read before what the next one gets.
    let mut stage = Stage::new("[server]\nworkers = 1\n").await;
    let address = stage.process.url().trim_start_matches("http://").to_owned();
    let readiness = Prober::begin(&address, "GET /readyz");
    let late = Prober::begin(&address, "POST /v1/chat/completions");
    let streams = stage.open(SHORT).await;
    stage.process.signal("TERM");
    let begun = Instant::now();
    let refused = loop {
        match TcpStream::connect(&address) {
            // It was in the queue of the listener when that closed.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => break error,
            Ok(_) => assert!(begun.elapsed() < PATIENCE, "it still takes connections"),
        }
    };
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let answer = readiness.finish("\r\n");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let body = ask("Hello").to_string();
    let key = stage.process.text("key").expect("made at the first start");
    let answer = late.finish(&format!(
        "authorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("shutting_down"), "{answer}");
    assert!(stage.process.ended().is_none(), "and all that while its streams go on");
    assert_eq!(finished(streams).await, STREAMS);
    assert_eq!(stage.process.exit().await.code(), Some(0));
    stage.audit(STREAMS);
}

/// A request whose head is under way when the gateway is told to stop, which is still answered.
struct Prober(TcpStream);

impl Prober {
    fn begin(address: &str, request: &str) -> Prober {
        let mut socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        write!(socket, "{request} HTTP/1.1\r\nhost: gateway\r\n").expect("half a request");
        Prober(socket)
    }

    fn finish(mut self, rest: &str) -> String {
        self.0.write_all(rest.as_bytes()).expect("the other half");
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

#[tokio::test]
async fn a_signal_that_comes_twice_at_once_is_one_request_to_stop() {
    let mut stage = Stage::new("").await;
    let streams = stage.open(SHORT).await;
    // As `timeout` does, and a terminal with a parent process that passes its own on.
    stage.process.signal("INT");
    stage.process.signal("INT");
    stage.process.signal("TERM");
    assert_eq!(finished(streams).await, STREAMS);
    assert_eq!(stage.process.exit().await.code(), Some(0));
    stage.audit(STREAMS);
}

#[tokio::test]
async fn whoever_insists_does_not_wait_for_open_streams() {
    let mut stage = Stage::new("").await;
    let streams = stage.open(ENDLESS).await;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = stage.process.ended() {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "it waits all the same");
        stage.process.signal("INT");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(status.code(), Some(1), "calls were left open, and the exit code says so");
    assert_eq!(finished(streams).await, 0, "no stream ends as if it were whole");
    // They were never settled, so nobody pays for them.
    assert!(stage.audit(0).spent.is_zero());
}
