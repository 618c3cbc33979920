//! The connections of a client: opened with TLS, kept for the next call, and given up once their other end is gone.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt, service_fn};

use super::tls;
use crate::config::CaFile;

/// Idle connections kept per client: all that the calls of a lane have used at once, so that the next burst finds them.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// How long an idle connection is kept. Most servers close theirs after 60 to 120 s.
const IDLE_CONNECTION_AGE_MAX: Duration = Duration::from_secs(55);

/// What the system may take in ahead of a client that does not read. Left to itself it is tens of megabytes for each
/// stream (`tcp_rmem`), and no answer needs that much in flight.
const RECEIVE_BUFFER_BYTES: usize = 256 << 10;

/// The same for each stream of a connection of HTTP/2.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// What all streams of a connection may hold together: the most that HTTP/2 can say. With less, some clients that do not
/// read would stop the answers of all the others on it.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;

/// How long a connection of HTTP/2 may say nothing, while answers are due on it, before it is asked whether its other end
/// is still there. All new calls of a lane go the way of its one connection: should a host lose power, or a NAT forget it,
/// they would be swallowed one after the other until TCP gives up after many minutes. With the time below it makes half of
/// the default for a first byte. A connection that was idle for that long is asked along with its next call.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(15);

/// How long its answer is waited for. TCP bridges a loss of 12 s with its first six repetitions.
pub(super) const PING_TIME_MAX: Duration = Duration::from_secs(15);

/// How long a connection is silent before TCP asks the same. HTTP/1 has only this and the deadlines of calls.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// How often TCP asks again.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// The questions without an answer that end the connection: a minute in all. The system's own numbers make it twelve.
const PROBES_MAX: u32 = 3;

/// What opens connections, TLS included.
pub(crate) type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

/// A pooled HTTP client.
pub(crate) type HttpClient = Client<Connector, Full<Bytes>>;

/// A client with connections of its own, each opened within `connect_max` to a server that `ca_file` vouches for, or
/// without one the built-in roots. No other client uses them, so whom it trusts is true of all.
pub(crate) fn http_client(connect_max: Duration, ca_file: Option<&CaFile>) -> HttpClient {
    pooled(connector(connect_max, ca_file))
}

/// A client with the connections that `connector` opens.
pub(super) fn pooled<C: Connect + Clone>(connector: C) -> Client<C, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION_AGE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIME_MAX)
        // Some servers take it for abuse.
        .http2_keep_alive_while_idle(false)
        .build(connector)
}

/// Opens connections, each within `connect_max`, to servers that `ca_file` vouches for, or the built-in roots.
pub(crate) fn connector(connect_max: Duration, ca_file: Option<&CaFile>) -> Connector {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    // Without it, small writes wait for the peer's delayed acknowledgement: 40 ms stalls in streams.
    http.set_nodelay(true);
    // Shared out among the addresses of a name, so that one that is dead leaves time for the others.
    http.set_connect_timeout(Some(connect_max));
    http.set_keepalive(Some(PROBE_AFTER));
    http.set_keepalive_interval(Some(PROBE_INTERVAL));
    http.set_keepalive_retries(Some(PROBES_MAX));
    http.set_recv_buffer_size(Some(RECEIVE_BUFFER_BYTES));
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls(ca_file)).https_or_http().enable_all_versions();
    let https = https.wrap_connector(http);
    // The time above ends with TCP's part of it.
    BoxCloneSyncService::new(service_fn(move |uri: Uri| {
        let connecting = timeout(connect_max, https.clone().oneshot(uri));
        async move {
            let late = |_| Err(format!("no connection within {} ms", connect_max.as_millis()).into());
            connecting.await.unwrap_or_else(late)
        }
    }))
}
