//! The tests' HTTP client: whole replies, and streams that can be left in the middle.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use wire::sse::{Decoder, Event};

/// The longest event that the tests read.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// A client with a key.
#[derive(Clone)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    url: String,
    key: String,
}

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A stream that is being read. Dropping it closes its connection.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    decoder: Decoder,
    /// The raw bytes read so far, comments included.
    pub(crate) raw: Vec<u8>,
}

/// All that a stream said.
#[derive(Debug)]
pub(crate) struct Told {
    /// The JSON of each event but the end mark.
    pub(crate) events: Vec<Value>,
    /// Whether the end mark came.
    pub(crate) done: bool,
    /// The raw bytes.
    pub(crate) raw: String,
}

impl Client {
    pub(crate) fn new(url: &str, key: &str) -> Client {
        // One connection per call: leaving a stream has to close its connection, as a client that exits does.
        let pool = Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Client { pool, url: url.to_owned(), key: key.to_owned() }
    }

    pub(crate) fn with_key(&self, key: &str) -> Client {
        Client { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        self.send_with(method, path, &[(CONTENT_TYPE.as_str(), "application/json")], body).await
    }

    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        self.request(method, path, headers, body).await.expect("a response")
    }

    /// A request to a server that may die. `None` when it did before it answered.
    pub(crate) async fn try_send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Response<Incoming>> {
        self.request(method, path, headers, body).await.ok()
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.key.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        self.pool.request(request).await
    }

    /// A chat call to a server that may die.
    pub(crate) async fn try_send_chat(&self, body: &Value) -> Option<Response<Incoming>> {
        let headers = [(CONTENT_TYPE.as_str(), "application/json")];
        self.try_send_with(Method::POST, "/v1/chat/completions", &headers, body.to_string()).await
    }

    /// A request without a body to a server that may die.
    pub(crate) async fn try_post(&self, path: &str) -> Option<Response<Incoming>> {
        self.try_send_with(Method::POST, path, &[], Bytes::new()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::read(self.send(Method::GET, path, Bytes::new()).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        Reply::read(self.send(Method::POST, path, body).await).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        Reply::read(self.send(Method::DELETE, path, Bytes::new()).await).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        Reply::read(self.send(Method::PUT, path, body).await).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        Reply::read(self.send(Method::PATCH, path, body).await).await
    }

    /// A whole chat call.
    pub(crate) async fn chat(&self, body: &Value) -> Reply {
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// A streamed chat call. `stream` is set for you.
    pub(crate) async fn stream(&self, body: &Value) -> Stream {
        let mut body = body.clone();
        body["stream"] = Value::Bool(true);
        Stream::of(self.send(Method::POST, "/v1/chat/completions", body.to_string()).await)
    }
}

impl Reply {
    pub(crate) async fn read(response: Response<Incoming>) -> Reply {
        Reply::try_read(response).await.expect("a body")
    }

    /// `None` when the body broke off.
    pub(crate) async fn try_read(response: Response<Incoming>) -> Option<Reply> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Reply { status: head.status, headers: head.headers, body })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub(crate) fn call_id(&self) -> String {
        self.header("x-tollgate-call-id").to_owned()
    }

    /// `error.code` of an error reply.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or("").to_owned()
    }
}

impl Stream {
    pub(crate) fn of(response: Response<Incoming>) -> Stream {
        let (head, body) = response.into_parts();
        let decoder = Decoder::new(EVENT_BYTES_MAX);
        Stream { status: head.status, headers: head.headers, body, decoder, raw: Vec::new() }
    }

    pub(crate) fn call_id(&self) -> String {
        let id = self.headers.get("x-tollgate-call-id").and_then(|value| value.to_str().ok());
        id.expect("a call id").to_owned()
    }

    /// The next event; `None` at the end of the body.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.next_event().expect("an event stream") {
                return Some(event);
            }
            if !self.read_some().await {
                return None;
            }
        }
    }

    /// Reads what comes next, an event or not; `false` at the end of the body.
    pub(crate) async fn read_some(&mut self) -> bool {
        let Some(Ok(frame)) = self.body.frame().await else { return false };
        if let Ok(data) = frame.into_data() {
            self.raw.extend_from_slice(&data);
            self.decoder.feed(data);
        }
        true
    }

    /// Reads to the end.
    pub(crate) async fn rest(mut self) -> Told {
        let (mut events, mut done) = (Vec::new(), false);
        while let Some(event) = self.next().await {
            if &event.data[..] == b"[DONE]" {
                done = true;
            } else {
                events.push(serde_json::from_slice(&event.data).expect("JSON"));
            }
        }
        Told { events, done, raw: String::from_utf8(self.raw).expect("UTF-8") }
    }
}

impl Told {
    /// The text of the first choice.
    pub(crate) fn text(&self) -> String {
        let deltas = self.events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
        deltas.collect()
    }

    /// The error event, if there is one.
    pub(crate) fn error(&self) -> Option<&Value> {
        self.events.iter().map(|event| &event["error"]).find(|error| !error.is_null())
    }

    /// The usage, if it was shown.
    pub(crate) fn usage(&self) -> Option<&Value> {
        self.events.iter().map(|event| &event["usage"]).find(|usage| usage.is_object())
    }
}
