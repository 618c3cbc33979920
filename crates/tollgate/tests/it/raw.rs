//! A raw upstream: a TCP server whose every byte the test decides, for what no simulator says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::{Setup, ask, soon};

/// Its credential. It begins like no known kind of key, so that nothing can recognise it by its form.
pub(crate) const CREDENTIAL: &str = "Zp81-raw-upstream-credential-Qm42";

/// The model that it serves, at 1 and 2 US dollars per million tokens.
pub(crate) const RAW_MODEL: &str = "raw-model";

/// A listening raw upstream.
pub(crate) struct Raw {
    listener: Arc<TcpListener>,
    url: String,
}

/// A request that came in, and the connection to answer it on.
pub(crate) struct Exchange {
    pub(crate) head: String,
    pub(crate) body: Bytes,
    pub(crate) stream: TcpStream,
}

/// An upstream that answers every request the same way, until it is dropped.
pub(crate) struct Always {
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Raw {
    pub(crate) async fn start() -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        Raw { listener: Arc::new(listener), url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The sections that make it the provider `raw`. `more` are further keys of the provider.
    pub(crate) fn toml_with(&self, more: &str) -> String {
        format!(
            "[providers.raw]\nbase_url = \"{}\"\napi_key = \"{CREDENTIAL}\"\ncatalogue = \"none\"\n{more}\n\
             [models.\"{RAW_MODEL}\"]\nprovider = \"raw\"\ncontext_length = 100000\n\
             price = {{ input = \"1.00\", output = \"2.00\" }}\n",
            self.url
        )
    }

    /// A gateway with this provider beside the simulator.
    pub(crate) fn setup(&self) -> Setup {
        self.setup_with("")
    }

    pub(crate) fn setup_with(&self, more: &str) -> Setup {
        Setup { toml: self.toml_with(more), ..Setup::default() }
    }

    /// The next request.
    pub(crate) async fn accept(&self) -> Exchange {
        soon("a request at the raw upstream", next(&self.listener)).await
    }

    /// Answers the next request with these bytes and closes.
    pub(crate) async fn answer(&self, bytes: &[u8]) -> Exchange {
        let mut exchange = self.accept().await;
        exchange.write(bytes).await;
        exchange.close().await;
        exchange
    }

    /// Answers every request with these bytes and closes.
    pub(crate) fn always(&self, bytes: impl Into<Bytes>) -> Always {
        let (bytes, listener) = (bytes.into(), Arc::clone(&self.listener));
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let mut exchange = next(&listener).await;
                counter.fetch_add(1, Ordering::Relaxed);
                // The gateway may have heard enough before the end.
                let _ = exchange.stream.write_all(&bytes).await;
                exchange.close().await;
            }
        });
        Always { requests, task }
    }
}

impl Always {
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Always {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Exchange {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the gateway reads");
    }

    pub(crate) async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Takes the next request of the same connection.
    pub(crate) async fn next_request(&mut self) {
        let request = soon("another request on the connection", read_request(&mut self.stream)).await;
        (self.head, self.body) = request.expect("the connection is used again");
    }

    /// Waits until the gateway has closed its side.
    pub(crate) async fn closed_by_gateway(&mut self) {
        let mut byte = [0];
        let read = soon("the upstream's connection ends", self.stream.read(&mut byte)).await;
        assert!(!matches!(read, Ok(1)), "the gateway sent more");
    }

    /// The value of a header of the request; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
            .unwrap_or("")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A question for the raw upstream.
pub(crate) fn ask_raw(text: &str) -> Value {
    let mut body = ask(text);
    body["model"] = RAW_MODEL.into();
    body
}

/// A whole reply with a length.
pub(crate) fn reply(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The head of a stream that ends with its connection.
pub(crate) const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A chunk with a piece of text.
pub(crate) fn chunk(text: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":\
         [{{\"index\":0,\"delta\":{{\"content\":{}}},\"finish_reason\":null}}]}}\n\n",
        Value::from(text)
    )
}

/// The chunk with the finish reason.
pub(crate) const FINISH: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\
    \"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// The chunk with the usage: 10 tokens in, 5 out.
pub(crate) const USAGE: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\
    \"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n";

/// The end mark.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// A whole good answer: 10 tokens in, 5 out.
pub(crate) const ANSWER: &str = "{\"id\":\"a1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\
    \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Well.\"},\"finish_reason\":\"stop\"}],\
    \"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}";

async fn next(listener: &TcpListener) -> Exchange {
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // A connection that the gateway opened and did not use is no request.
        if let Some((head, body)) = read_request(&mut stream).await {
            return Exchange { head, body, stream };
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Bytes)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head in ASCII");
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, Bytes::from(bytes).slice(end..)))
}
