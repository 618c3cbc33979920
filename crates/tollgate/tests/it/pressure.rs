//! Clients that do not read: nothing piles up for them, and they are left after a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Gateway, Setup, ask, soon};
use crate::raw::{DONE, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk};

/// A client of which the test decides when it reads, with a small buffer.
pub(crate) async fn slow_client(url: &str, key: &str, body: &Value) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
    let address = url.trim_start_matches("http://").parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("connected");
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

pub(crate) fn ask_raw_streamed() -> Value {
    let mut body = ask_raw("Tell me everything");
    body["stream"] = true.into();
    body
}

#[tokio::test]
async fn an_upstream_does_not_run_ahead_of_a_client_that_does_not_read() {
    /// What the system's own buffers may hold: up to 4 MiB for each of the two senders.
    const AHEAD_MAX: usize = 12 << 20;
    const TOTAL: usize = 50 << 20;
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let mut client = slow_client(&gateway.url, &gateway.key, &ask_raw_streamed()).await;
    let mut upstream = raw.accept().await;
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let events = TOTAL / chunk(&"x".repeat(8 << 10)).len();
    let writer = tokio::spawn(async move {
        upstream.write(STREAM_HEAD.as_bytes()).await;
        let event = chunk(&"x".repeat(8 << 10));
        for _ in 0..events {
            upstream.write(event.as_bytes()).await;
            counter.fetch_add(event.len(), Ordering::Relaxed);
        }
        upstream.write(format!("{FINISH}{USAGE}{DONE}").as_bytes()).await;
        upstream.close().await;
    });
    let ahead = until_still(&written).await;
    assert!(ahead < AHEAD_MAX, "the upstream wrote {ahead} bytes that nobody read");
    // Nothing is lost by it.
    let mut told = Vec::new();
    soon("all of it", client.read_to_end(&mut told)).await.expect("read");
    writer.await.expect("written");
    let marks = str::from_utf8(&told).expect("UTF-8").matches("data: ").count();
    assert_eq!(marks, events + 2, "every event, the finish and the end mark");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// A slow client still gets something when all the time there was has passed, and the next event is there.
#[tokio::test]
async fn a_client_is_charged_for_no_event_that_came_after_its_deadline() {
    const TOTAL: Duration = Duration::from_secs(5);
    const EVENT_BYTES: usize = 8 << 10;
    let raw = Raw::start().await;
    let timeouts = format!("timeouts = {{ total_ms = {} }}\n", TOTAL.as_millis());
    let gateway = Gateway::start_with(raw.setup_with(&timeouts)).await;
    let mut client = slow_client(&gateway.url, &gateway.key, &ask_raw_streamed()).await;
    let mut upstream = raw.accept().await;
    let flood = tokio::spawn(async move {
        upstream.write(STREAM_HEAD.as_bytes()).await;
        let event = chunk(&"x".repeat(EVENT_BYTES));
        while upstream.stream.write_all(event.as_bytes()).await.is_ok() {}
    });
    client.peek(&mut [0]).await.expect("the answer begins");
    tokio::time::sleep(TOTAL).await;
    let mut told = String::new();
    soon("the end", client.read_to_string(&mut told)).await.expect("read");
    assert!(told.contains("\"code\":\"upstream_timeout\"") && !told.contains("[DONE]"));
    flood.await.expect("the gateway left the upstream");
    gateway.settled().await;
    let receipt = only_receipt(&gateway).await;
    assert_eq!(receipt["outcome"], "timeout");
    let seen = told.matches('x').count() / EVENT_BYTES;
    let tokens = seen * EVENT_BYTES / 4;
    assert!(
        seen > 0 && receipt["usage"]["output_tokens"] == tokens,
        "{tokens} tokens in {seen} events: {receipt}"
    );
    assert!(gateway.finish().await);
}

/// Waits until a count does not change, which is when everything between is full. It looks many times, so that a busy
/// machine, on which nothing gets on for a while, does not pass for that.
pub(crate) async fn until_still(count: &AtomicUsize) -> usize {
    const LOOKS: usize = 30;
    let (mut last, mut still) = (0, 0);
    while still < LOOKS {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = count.load(Ordering::Relaxed);
        still = if now == last && now > 0 { still + 1 } else { 0 };
        last = now;
    }
    last
}

#[tokio::test]
async fn a_client_that_stops_reading_is_left_after_a_while() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("abort = \"estimate\"") + "[server]\nwrite_stall_ms = 200\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let _client = slow_client(&gateway.url, &gateway.key, &ask_raw_streamed()).await;
    let mut upstream = raw.accept().await;
    upstream.write(STREAM_HEAD.as_bytes()).await;
    let event = chunk(&"x".repeat(8 << 10));
    let flood = async { while upstream.stream.write_all(event.as_bytes()).await.is_ok() {} };
    soon("the gateway to leave the upstream", flood).await;
    gateway.settled().await;
    let receipt = only_receipt(&gateway).await;
    assert_eq!(
        (&receipt["outcome"], &receipt["rule"]),
        (&json!("client_gone"), &json!("relayed")),
        "{receipt}"
    );
    assert!(gateway.finish().await);
}

/// Over HTTP/2 the connection flows on while one of its streams does not.
#[tokio::test]
async fn a_client_that_stops_taking_one_stream_of_http_2_is_left_after_a_while() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("abort = \"estimate\"") + "[server]\nwrite_stall_ms = 200\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut sender = http_2(&gateway.url).await;
    let request = |body: &Value| {
        let request = hyper::Request::post(format!("{}/v1/chat/completions", gateway.url));
        let request = request.header("authorization", format!("Bearer {}", gateway.key));
        request.body(Full::new(Bytes::from(body.to_string()))).expect("a request")
    };
    let stuck = sender.send_request(request(&ask_raw_streamed()));
    let (stuck, mut upstream) = tokio::join!(stuck, async {
        let mut exchange = raw.accept().await;
        exchange.write(STREAM_HEAD.as_bytes()).await;
        exchange.write(chunk("a").as_bytes()).await;
        exchange
    });
    let event = chunk(&"x".repeat(8 << 10));
    let flood = async { while upstream.stream.write_all(event.as_bytes()).await.is_ok() {} };
    soon("the gateway to leave the upstream", flood).await;
    gateway.settled().await;
    assert_eq!(only_receipt(&gateway).await["outcome"], "client_gone");
    // The other streams of the connection were never in its way, and the one that was left does not look whole.
    let answer =
        soon("another answer", sender.send_request(request(&ask("Hello")))).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(stuck.expect("a head").into_body().collect().await.is_err(), "reset, not ended");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// A connection whose streams have a small window.
pub(crate) async fn http_2(url: &str) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("connected");
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(64 << 10);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_left() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("") + "[server]\nwrite_stall_ms = 5000\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut client = slow_client(&gateway.url, &gateway.key, &ask_raw_streamed()).await;
    let events = chunk(&"x".repeat(900_000)).repeat(8);
    let said = format!("{STREAM_HEAD}{events}{FINISH}{DONE}").into_bytes();
    let reader = async {
        let (mut told, mut piece) = (0, vec![0; 128 << 10]);
        loop {
            let read = soon("more", client.read(&mut piece)).await.expect("the connection stays");
            if read == 0 {
                return told;
            }
            told += read;
            // The client's own pace; nothing waits for it.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (told, _) = tokio::join!(reader, raw.answer(&said));
    assert!(told > events.len(), "{told} bytes");
    gateway.settled().await;
    assert_eq!(only_receipt(&gateway).await["outcome"], "complete");
    assert!(gateway.finish().await);
}

/// The only receipt of the test's account.
async fn only_receipt(gateway: &Gateway) -> Value {
    let path = format!("/admin/activity?account={}", gateway.account);
    let list = gateway.admin.get(&path).await.json();
    let receipts = list["data"].as_array().expect("a list").clone();
    assert_eq!(receipts.len(), 1, "{list}");
    receipts[0].clone()
}
