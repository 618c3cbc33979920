//! The load: plain HTTP/1.1 connections on one thread, with every reply checked.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::failure::{Failure, Result, While};

/// Who is called, and with which credential.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) key: String,
}

/// Work done so far; read at both ends of a measured window.
#[derive(Clone, Default)]
pub(super) struct Count(Rc<Cell<u64>>);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.get()
    }

    fn add(&self, more: u64) {
        self.0.set(self.0.get() + more);
    }
}

/// One kept-alive connection.
pub(super) struct Connection {
    endpoint: Endpoint,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self> {
        let stream = TcpStream::connect(endpoint.address).await.during(endpoint.name)?;
        stream.set_nodelay(true).during(endpoint.name)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.during(endpoint.name)?;
        // Its error reaches the caller through the request that it broke.
        tokio::spawn(driver);
        Ok(Self { endpoint: endpoint.clone(), sender })
    }

    /// One whole call; the time from the request to the last byte.
    pub(super) async fn call(&mut self, body: &Bytes) -> Result<Duration> {
        let start = Instant::now();
        let reply = self.send(body).await?;
        let received = reply.into_body().collect().await.during(self.endpoint.name)?.to_bytes();
        if received.is_empty() {
            return Err(Failure::new(format!("{} sent an empty answer", self.endpoint.name)));
        }
        Ok(start.elapsed())
    }

    /// One whole stream; its events are counted as they come.
    pub(super) async fn stream(&mut self, body: &Bytes, events: &Count) -> Result<()> {
        let mut reply = self.send(body).await?.into_body();
        let mut split = EventSplit::default();
        while let Some(frame) = reply.frame().await {
            if let Ok(data) = frame.during(self.endpoint.name)?.into_data() {
                events.add(split.feed(&data));
            }
        }
        if split.is_complete() {
            Ok(())
        } else {
            Err(Failure::new(format!("{} cut a stream", self.endpoint.name)))
        }
    }

    async fn send(&mut self, body: &Bytes) -> Result<Response<Incoming>> {
        let request = Request::post("/v1/chat/completions")
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.endpoint.key))
            .body(Full::new(body.clone()))
            .during("building a request")?;
        self.sender.ready().await.during(self.endpoint.name)?;
        let reply = self.sender.send_request(request).await.during(self.endpoint.name)?;
        if reply.status() == StatusCode::OK {
            return Ok(reply);
        }
        let status = reply.status();
        let body = reply.into_body().collect().await.during(self.endpoint.name)?.to_bytes();
        Err(Failure::new(format!(
            "{} answered {status}: {}",
            self.endpoint.name,
            String::from_utf8_lossy(&body)
        )))
    }
}

/// Counts events in a stream that arrives in any pieces, and remembers how it ended.
#[derive(Default)]
struct EventSplit {
    after_newline: bool,
    tail: Vec<u8>,
}

impl EventSplit {
    const END: &[u8] = b"data: [DONE]\n\n";

    /// Enough to see how a stream ended instead.
    const TAIL_BYTES: usize = 300;

    /// How many events ended in `data`: an event ends at an empty line.
    fn feed(&mut self, data: &[u8]) -> u64 {
        let mut ended = 0;
        for byte in data {
            let is_newline = *byte == b'\n';
            ended += u64::from(is_newline && self.after_newline);
            self.after_newline = is_newline;
        }
        let kept = data.len().min(Self::TAIL_BYTES);
        self.tail.extend_from_slice(&data[data.len() - kept..]);
        self.tail.drain(..self.tail.len().saturating_sub(Self::TAIL_BYTES));
        ended
    }

    fn is_complete(&self) -> bool {
        self.tail.ends_with(Self::END)
    }
}

/// Calls without end, each as soon as the one before it is answered.
pub(super) async fn call_in_a_loop(endpoint: Endpoint, body: Bytes, calls: Count) -> Result<()> {
    let mut connection = Connection::open(&endpoint).await?;
    loop {
        connection.call(&body).await?;
        calls.add(1);
    }
}

/// One stream from its first byte to its last.
pub(super) async fn stream_once(endpoint: Endpoint, body: Bytes, events: Count) -> Result<()> {
    Connection::open(&endpoint).await?.stream(&body, &events).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_alike_in_any_pieces() {
        let stream = b"data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: [DONE]\n\n";
        for size in 1..=stream.len() {
            let mut split = EventSplit::default();
            let events: u64 = stream.chunks(size).map(|piece| split.feed(piece)).sum();
            assert_eq!((events, split.is_complete()), (3, true), "in pieces of {size}");
        }
        let mut cut = EventSplit::default();
        assert_eq!((cut.feed(&stream[..20]), cut.is_complete()), (1, false));
    }
}
