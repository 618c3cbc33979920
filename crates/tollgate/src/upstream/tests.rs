//! Connections of HTTP/2 whose other end is gone without a word. The clock stands still, and moves on when all wait.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::time::{sleep, timeout};

use super::client::SendError;
use super::pool::{PING_INTERVAL, PING_TIME_MAX, pooled};

/// What may be on its way to the other end.
const LINE_BYTES: usize = 64 << 10;

/// How long it takes to find a connection dead, with some time to spare.
const FOUND_DEAD_MAX: Duration = Duration::from_secs(PING_INTERVAL.as_secs() + PING_TIME_MAX.as_secs() + 1);

/// Far longer than that.
const LONG: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_dead_connection_breaks_the_calls_on_it_and_the_next_call_opens_another() {
    for idle in [Duration::ZERO, PING_INTERVAL * 2] {
        let (host, client) = Host::with_client();
        assert_eq!(answer(&client, Duration::ZERO).await.expect("an answer"), "begin, end");
        sleep(idle).await;
        host.die();
        let swallowed = join_all((0..3).map(|_| client.request(request(Duration::ZERO))));
        for told in timeout(FOUND_DEAD_MAX, swallowed).await.expect("found dead") {
            let error = SendError::from(told.expect_err("nobody answers"));
            assert!(matches!(&error, SendError::Broken(why) if why.contains("timed out")), "{error}");
        }
        assert_eq!(host.lines().len(), 1);
        assert_eq!(answer(&client, Duration::ZERO).await.expect("an answer"), "begin, end");
        assert_eq!(host.lines().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_had_begun_is_cut_once_the_connection_is_found_dead() {
    let (host, client) = Host::with_client();
    let begun = client.request(request(LONG)).await.expect("a head");
    host.die();
    assert!(timeout(FOUND_DEAD_MAX, text(begun)).await.expect("found dead").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_thinks_for_long_is_asked_and_waited_for() {
    let (host, client) = Host::with_client();
    let response = client.request(request(LONG)).await.expect("a head");
    let before = host.bytes_sent();
    assert_eq!(text(response).await.expect("an answer"), "begin, end");
    assert!(host.bytes_sent() > before, "nobody asked");
    assert_eq!(host.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_left_in_peace() {
    let (host, client) = Host::with_client();
    answer(&client, Duration::ZERO).await.expect("an answer");
    // What belongs to the answer is said by then.
    sleep(Duration::from_secs(1)).await;
    let before = host.bytes_sent();
    sleep(PING_INTERVAL * 3).await;
    assert_eq!(host.bytes_sent(), before);
    answer(&client, Duration::ZERO).await.expect("an answer");
    assert_eq!(host.lines().len(), 1, "it was kept");
}

/// A host of HTTP/2 that the connections of its client lead to.
#[derive(Clone, Default)]
struct Host(Arc<Mutex<Vec<Arc<Line>>>>);

/// What is known of a connection.
#[derive(Default)]
struct Line {
    dead: AtomicBool,
    bytes_sent: AtomicUsize,
}

/// The client's end of a connection. What is sent on a dead one gets nowhere, which nobody is told.
struct End {
    io: TokioIo<DuplexStream>,
    line: Arc<Line>,
}

impl Host {
    fn with_client() -> (Host, Client<impl Connect + Clone, Full<Bytes>>) {
        let host = Host::default();
        let connecting = host.clone();
        let connector = tower::service_fn(move |_: Uri| ready(Ok::<_, Infallible>(connecting.accept())));
        (host, pooled(connector))
    }

    fn accept(&self) -> End {
        let (ours, theirs) = tokio::io::duplex(LINE_BYTES);
        let serving = http2::Builder::new(TokioExecutor::new());
        tokio::spawn(serving.serve_connection(TokioIo::new(theirs), service_fn(serve)));
        let line = Arc::new(Line::default());
        self.0.lock().expect("no panic").push(Arc::clone(&line));
        End { io: TokioIo::new(ours), line }
    }

    /// All connections so far.
    fn lines(&self) -> Vec<Arc<Line>> {
        self.0.lock().expect("no panic").clone()
    }

    /// What was sent on all of them.
    fn bytes_sent(&self) -> usize {
        self.lines().iter().map(|line| line.bytes_sent.load(Ordering::Relaxed)).sum()
    }

    /// The connections so far say nothing any more.
    fn die(&self) {
        self.lines().iter().for_each(|line| line.dead.store(true, Ordering::Relaxed));
    }
}

/// Asks for an answer that comes in two parts, `pause` apart.
fn request(pause: Duration) -> Request<Full<Bytes>> {
    let uri = format!("http://host/{}", pause.as_secs());
    Request::post(uri).body(Full::new(Bytes::from_static(b"Hello"))).expect("a request")
}

async fn serve(
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let pause = request.uri().path().trim_start_matches('/').parse().expect("seconds");
    let part = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    let rest = stream::once(async move {
        sleep(Duration::from_secs(pause)).await;
        part(", end")
    });
    Ok(Response::new(StreamBody::new(stream::iter([part("begin")]).chain(rest))))
}

async fn answer(
    client: &Client<impl Connect + Clone + Send + Sync + 'static, Full<Bytes>>,
    pause: Duration,
) -> Result<String, SendError> {
    Ok(text(client.request(request(pause)).await?).await.expect("a whole answer"))
}

async fn text(response: Response<Incoming>) -> hyper::Result<String> {
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).expect("text"))
}

impl Read for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.line.dead.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for End {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.line.bytes_sent.fetch_add(bytes.len(), Ordering::Relaxed);
        if self.line.dead.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Connection for End {
    fn connected(&self) -> Connected {
        Connected::new().negotiated_h2()
    }
}
