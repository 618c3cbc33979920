//! Connections without a request are closed, and no answer is cut for being slow.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Gateway, Setup, soon};
use crate::pressure::{http_2, slow_client};
use crate::raw::{ANSWER, DONE, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk, reply};

const IDLE: Duration = Duration::from_millis(150);

/// Where HTTP/2 begins, with empty settings.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a peer says before it falls silent, and what the answer to it has in it.
const SILENT: &[(&str, &str, &str)] = &[
    ("nothing at all", "", ""),
    ("a part of the preface", "PRI * HT", ""),
    ("a part of a head", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n", ""),
    ("the preface", PREFACE, ""),
    ("a whole request", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
];

/// An idle connection of HTTP/2 is told to go first, and has the time of a write to do so.
fn toml(write_stall_ms: u32) -> String {
    format!("[server]\nidle_ms = {}\nwrite_stall_ms = {write_stall_ms}\n", IDLE.as_millis())
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let gateway = Gateway::start_with(Setup { toml: toml(150), ..Setup::default() }).await;
    for url in [&gateway.url, &gateway.admin_url] {
        for (what, said, answer) in SILENT {
            let begun = Instant::now();
            let mut socket = TcpStream::connect(url.trim_start_matches("http://")).await.expect("connected");
            socket.write_all(said.as_bytes()).await.expect("said");
            let mut told = Vec::new();
            // Closed with bytes unread, a socket may end with a reset.
            let _ = soon(&format!("the end after {what}"), socket.read_to_end(&mut told)).await;
            assert!(begun.elapsed() >= IDLE, "{what}: closed too early");
            assert!(String::from_utf8_lossy(&told).starts_with(answer), "{what}: {told:?}");
        }
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_client_of_http_2_is_told_to_go_after_its_last_answer() {
    let gateway = Gateway::start_with(Setup { toml: toml(60_000), ..Setup::default() }).await;
    let mut sender = http_2(&gateway.url).await;
    let request = hyper::Request::get(format!("{}/healthz", gateway.url));
    let request = request.body(Full::new(Bytes::new())).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert!(answer.into_body().collect().await.is_ok());
    gateway.until("the connection ends", async |_| sender.is_closed()).await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_that_is_silent_for_longer_is_not_cut() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("") + &toml(150);
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut body = ask_raw("Think about it");
    body["stream"] = true.into();
    let slow_answers = async {
        for _ in 0..2 {
            let mut upstream = raw.accept().await;
            upstream.write(format!("{STREAM_HEAD}{}", chunk("So …")).as_bytes()).await;
            // The upstream's own pace; nothing waits for it.
            tokio::time::sleep(4 * IDLE).await;
            upstream.write(format!("{FINISH}{USAGE}{DONE}").as_bytes()).await;
            upstream.close().await;
        }
    };
    let read = async {
        let mut told = String::new();
        let mut client = slow_client(&gateway.url, &gateway.key, &body).await;
        soon("the stream's end", client.read_to_string(&mut told)).await.expect("read");
        assert!(told.contains("[DONE]"), "HTTP/1.1: {told}");
        let request = hyper::Request::post(format!("{}/v1/chat/completions", gateway.url))
            .header("authorization", format!("Bearer {}", gateway.key));
        let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
        let answer = http_2(&gateway.url).await.send_request(request).await.expect("a head");
        let told = soon("the stream's end", answer.into_body().collect()).await.expect("read").to_bytes();
        assert!(String::from_utf8_lossy(&told).contains("[DONE]"), "HTTP/2: {told:?}");
    };
    tokio::join!(slow_answers, read);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// The last of an answer is ready long before its reader has taken it.
#[tokio::test]
async fn an_answer_that_is_read_slowly_is_not_cut() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("") + &toml(1_000);
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let answer = ANSWER.replace("Well.", &"x".repeat(24 << 20));
    let said = reply("200 OK", "application/json", &answer);
    let mut client = slow_client(&gateway.url, &gateway.key, &ask_raw("Tell me everything")).await;
    let read = async {
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
    let (told, _) = tokio::join!(read, raw.answer(said.as_bytes()));
    assert!(told > answer.len(), "{told} bytes of {}", answer.len());
    gateway.settled().await;
    assert!(gateway.finish().await);
}
