//! A tiny HTTP client that shows what really came over the wire: frames, and whether the connection broke.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hf_sim::{HfSim, SimConfig};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// No condition in these tests takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn sim() -> HfSim {
    HfSim::start(SimConfig::default()).expect("a free port")
}

/// A reply read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) frames: Vec<Bytes>,
    /// Whether the body ended without a proper end.
    pub(crate) broken: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.frames.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The payloads of all `data:` lines.
    pub(crate) fn data(&self) -> Vec<String> {
        let text = self.text();
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// The chunks of a stream, without `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let data = self.data().into_iter().filter(|data| data != "[DONE]");
        data.map(|data| serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}")))
            .collect()
    }

    /// All text of one member of the deltas, in order.
    pub(crate) fn deltas(&self, member: &str) -> String {
        let chunks = self.chunks();
        let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"][member].as_str());
        deltas.collect()
    }

    pub(crate) fn done(&self) -> bool {
        self.data().last().is_some_and(|data| data == "[DONE]")
    }
}

/// A chat request with one user message.
pub(crate) fn ask(model: &str, prompt: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] })
}

/// The same, streamed, with usage.
pub(crate) fn ask_stream(model: &str, prompt: &str) -> Value {
    let options = json!({ "include_usage": true });
    with(ask(model, prompt), &json!({ "stream": true, "stream_options": options }))
}

/// `body` with more members.
pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    body
}

pub(crate) async fn chat(sim: &HfSim, body: &Value) -> Reply {
    read(open(sim, body).await).await
}

/// Sends a chat request and returns once the headers are there.
pub(crate) async fn open(sim: &HfSim, body: &Value) -> Response<Incoming> {
    send(sim, "POST", "/v1/chat/completions", GOOD, &body.to_string()).await.expect("a reply")
}

/// Whether the connection breaks before a status line comes.
pub(crate) async fn hung_up(sim: &HfSim, body: &Value) -> bool {
    send(sim, "POST", "/v1/chat/completions", GOOD, &body.to_string()).await.is_err()
}

const GOOD: &[(&str, &str)] = &[("authorization", "Bearer hf_good")];

pub(crate) async fn call(
    sim: &HfSim,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    read(send(sim, method, path, headers, body).await.expect("a reply")).await
}

/// Posts JSON with a good token.
pub(crate) async fn post(sim: &HfSim, path: &str, body: &Value) -> Reply {
    call(sim, "POST", path, GOOD, &body.to_string()).await
}

pub(crate) async fn get(sim: &HfSim, path: &str) -> Reply {
    call(sim, "GET", path, &[], "").await
}

async fn send(
    sim: &HfSim,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response<Incoming>, Error> {
    let mut request = Request::builder().method(method).uri(format!("http://{}{path}", sim.addr()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    // A client of its own per request: dropping the reply then closes the connection.
    let client = Client::builder(TokioExecutor::new()).build_http();
    tokio::time::timeout(PATIENCE, client.request(request)).await.expect("a reply in time")
}

async fn read(response: Response<Incoming>) -> Reply {
    let (head, mut body) = response.into_parts();
    let (mut frames, mut broken) = (Vec::new(), false);
    while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await.expect("a frame in time") {
        match frame {
            Ok(frame) => frames.extend(frame.into_data()),
            Err(_) => broken = true,
        }
    }
    Reply { status: head.status.as_u16(), headers: head.headers, frames, broken }
}

/// Sends a chat request over a bare socket and reads the pieces of the chunked body: what the server wrote, one by
/// one, however the network joined them.
pub(crate) fn pieces(sim: &HfSim, body: &Value) -> Vec<Vec<u8>> {
    let body = body.to_string();
    let mut socket = TcpStream::connect(sim.addr()).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer hf_x\r\nconnection: close";
    write!(socket, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut all = Vec::new();
    socket.read_to_end(&mut all).expect("a reply");
    let body = all.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let (mut rest, mut pieces) = (&all[body..], Vec::new());
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        rest = &rest[line + 2..];
        if size > 0 {
            pieces.push(rest[..size].to_vec());
        }
        rest = &rest[size + 2..];
    }
    pieces
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
