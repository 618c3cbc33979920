//! The connections of one runtime: HTTP/1.1 or HTTP/2 on each, and an end to those that are idle.

use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::config::ServerConfig;
use crate::idle::Activity;
use crate::lingering::{Lingering, Unread};
use crate::pipeline::Peer;
use crate::write_deadline::WriteDeadline;

/// How often a peer that speaks HTTP/2 is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long its answer is waited for.
const PING_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves the connections that it is given, each in a task of its own.
pub(crate) struct Connections {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    idle_max: Duration,
    stall_max: Duration,
    /// Cancelled when no call may wait for its client any more.
    stop: CancellationToken,
    /// Every connection holds a receiver.
    leave: watch::Sender<()>,
}

impl Connections {
    pub(crate) fn new(router: Router, config: &ServerConfig, stop: &CancellationToken) -> Connections {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.idle)
            // Bounds what one slow reader can make the gateway buffer.
            .max_buf_size(64 << 10);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIME_MAX)
            .max_concurrent_streams(128)
            .max_send_buf_size(64 << 10);
        let (leave, _) = watch::channel(());
        Connections {
            router,
            http,
            idle_max: config.idle,
            stall_max: config.write_stall,
            stop: stop.clone(),
            leave,
        }
    }

    /// Serves one connection, which keeps its place to the end.
    pub(crate) fn serve(&self, stream: std::net::TcpStream, place: OwnedSemaphorePermit) {
        // A connection that is gone already has no peer, and no requests either.
        let peer = stream.peer_addr().ok().map(|address| Peer(address.ip().to_canonical()));
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return warn!(%error, "a connection could not be taken over"),
        };
        // Without it, small writes wait for the peer's delayed acknowledgement: 40 ms stalls in streams.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let stream = WriteDeadline::new(stream, self.stall_max, activity.clone(), self.stop.clone());
        let unread = Unread::default();
        let stream = Lingering::new(stream, unread.clone());
        let (router, requests) = (self.router.clone(), activity.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            let busy = requests.begin();
            let answer = router.clone().oneshot(request.map(|body| unread.watch(body)));
            async move { answer.await.map(|answer: Response<_>| answer.map(|body| busy.until_end_of(body))) }
        });
        let connection = self.http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let (idle_max, stall_max, mut leaving) = (self.idle_max, self.stall_max, self.leave.subscribe());
        tokio::spawn(async move {
            tokio::pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = &mut connection => Some(ended),
                () = activity.idle_for(idle_max) => None,
                _ = leaving.changed() => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                // It may finish what it has begun. Then it has to take what is on its way to it, as always.
                None => {
                    connection.as_mut().graceful_shutdown();
                    activity.touch();
                    tokio::select! {
                        biased;
                        ended = &mut connection => ended,
                        () = activity.idle_for(stall_max) => Ok(()),
                    }
                }
            };
            if let Err(error) = ended {
                debug!(%error, "a connection ended");
            }
            drop((place, leaving));
        });
    }

    /// Lets idle connections go, and busy ones after their request, and waits for them.
    pub(crate) async fn close(self) {
        let _ = self.leave.send(());
        self.leave.closed().await;
    }
}
