//! A server that speaks TLS, with HTTP/2 or HTTP/1.1, in front of one that does not.

use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::raw::CREDENTIAL;

/// What TLS calls the versions of HTTP.
pub(crate) const H2: &str = "h2";
pub(crate) const H1: &str = "http/1.1";

/// The most requests at once on a connection of HTTP/2, as at many servers.
pub(crate) const STREAMS_MAX: u32 = 100;

/// A listening server. Dropping it ends it.
pub(crate) struct TlsFront {
    url: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How many handshakes came to their end.
    pub(crate) connections: usize,
    /// The version of HTTP of each request.
    pub(crate) requests: Vec<Version>,
}

/// What becomes of connections.
#[derive(Clone)]
pub(crate) enum Behind {
    /// Requests go to the server with this address, as HTTP/1.1 without TLS.
    Server(Uri),
    /// A request comes, these bytes are said, and the connection ends.
    Words(&'static [u8]),
    /// The connection ends at once.
    Nothing,
}

impl Behind {
    /// The server of this base URL.
    pub(crate) fn server(base_url: &str) -> Behind {
        Behind::Server(base_url.parse().expect("a URL"))
    }
}

impl TlsFront {
    pub(crate) async fn start(acceptor: TlsAcceptor, behind: Behind) -> TlsFront {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("https://{}/v1", listener.local_addr().expect("an address"));
        let seen = Arc::default();
        let task = tokio::spawn(accept(listener, acceptor, behind, Arc::clone(&seen)));
        TlsFront { url, seen, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("no panic").clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The provider `id` at `url` with one model of the same name.
pub(crate) fn provider(id: &str, url: &str, more: &str) -> String {
    format!(
        "[providers.{id}]\nbase_url = \"{url}\"\napi_key = \"{CREDENTIAL}\"\ncatalogue = \"none\"\n{more}\n\
         [models.{id}]\nprovider = \"{id}\"\ncontext_length = 100000\n\
         price = {{ input = \"1.00\", output = \"2.00\" }}\n"
    )
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, behind: Behind, seen: Arc<Mutex<Seen>>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (acceptor, behind, seen) = (acceptor.clone(), behind.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            // A client that refuses the certificate ends the handshake.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            seen.lock().expect("no panic").connections += 1;
            match behind {
                Behind::Server(server) => serve(stream, server, seen).await,
                Behind::Words(words) => say(stream, words).await,
                Behind::Nothing => {}
            }
        });
    }
}

async fn say(mut stream: TlsStream<TcpStream>, words: &[u8]) {
    let mut said = Vec::new();
    while !holds_request(&said) {
        if stream.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
    // The client may have left. It hears all of this if what it says meanwhile is taken in.
    let _ = stream.write_all(words).await;
    let _ = stream.shutdown().await;
    while stream.read_buf(&mut said).await.is_ok_and(|read| read > 0) {}
}

/// Whether a client has said all of the head of a request, in HTTP/1.1 or in frames of HTTP/2.
fn holds_request(said: &[u8]) -> bool {
    /// The kind of a frame that begins a request.
    const HEADERS: u8 = 1;
    let Some(mut frames) = said.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") else {
        return said.starts_with(b"POST ") && said.windows(4).any(|end| end == b"\r\n\r\n");
    };
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == HEADERS && rest.len() >= length {
            return true;
        }
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}

async fn serve(stream: TlsStream<TcpStream>, server: Uri, seen: Arc<Mutex<Seen>>) {
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let service = service_fn(move |request: Request<Incoming>| {
        seen.lock().expect("no panic").requests.push(request.version());
        forward(client.clone(), server.clone(), request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS_MAX);
    // An error here is a client that left.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn forward(
    client: Client<HttpConnector, Incoming>,
    server: Uri,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
    let mut parts = server.into_parts();
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).expect("a URL");
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().remove(HOST);
    client.request(request).await
}
