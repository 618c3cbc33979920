//! The listeners. On the public one, one thread accepts, and gives each connection to one of the workers in turn. A
//! worker is a thread with a runtime of its own, so that a call never changes threads (measured: a third less CPU per
//! paced event than on a shared runtime).

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::ServerConfig;
use crate::connection::Connections;
use crate::gateway::Worker;
use crate::http;

/// Open connections. Each costs some tens of kilobytes and a file; beyond this, new ones wait to be accepted.
pub(crate) const CONNECTIONS_MAX: usize = 16_384;

/// Connections that the system keeps until they are accepted, if it allows as many: a burst of clients. One that finds
/// no room waits for seconds, or is reset.
const BACKLOG: u32 = 4_096;

/// Accepted connections that wait for a worker to take them up.
const HANDOVER_MAX: usize = 1_024;

/// How long the last frames of ended calls have to leave when the gateway stops.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// A connection on its way to a worker, and its place among the open ones.
type Handover = (TcpStream, OwnedSemaphorePermit);

/// Listens on an address, within a runtime.
///
/// # Errors
/// The address is in use, or is not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a gateway that is started again does not wait for the last connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The places for connections of clients. Clones are the same places.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Places {
        Places { free: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Places {
    /// Connections that are open. The place that waits for the next one does not count.
    #[must_use]
    pub fn open(&self) -> usize {
        (CONNECTIONS_MAX - self.free.available_permits()).saturating_sub(1)
    }
}

/// The workers of a running gateway.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    senders: Vec<mpsc::Sender<Handover>>,
    quit: CancellationToken,
    places: Places,
}

impl Workers {
    /// Starts a thread per worker.
    pub fn start(workers: Vec<Arc<Worker>>) -> io::Result<Workers> {
        let quit = CancellationToken::new();
        let places = Places::default();
        let mut started = Workers { threads: Vec::new(), senders: Vec::new(), quit, places };
        for (index, worker) in workers.into_iter().enumerate() {
            let (sender, receiver) = mpsc::channel(HANDOVER_MAX);
            let quit = started.quit.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(run(worker, receiver, quit)))?;
            started.threads.push(thread);
            started.senders.push(sender);
        }
        Ok(started)
    }

    /// Accepts connections until the future is dropped.
    pub async fn accept(&self, listener: TcpListener) {
        for next in (0..self.senders.len()).cycle() {
            let Ok(place) = Arc::clone(&self.places.free).acquire_owned().await else { return };
            let stream = accept_one(&listener).await;
            if self.senders[next].send((stream, place)).await.is_err() {
                return;
            }
        }
    }

    /// The places for connections, to see how many are taken.
    #[must_use]
    pub fn places(&self) -> Places {
        self.places.clone()
    }

    /// Lets idle connections go, and busy ones after their call.
    pub fn close(&mut self) {
        self.senders.clear();
    }

    /// Ends the workers, whose calls have all ended, and waits for their threads.
    pub async fn join(self) {
        self.quit.cancel();
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    warn!("a worker had panicked");
                }
            }
        });
        let _ = joined.await;
    }
}

/// Serves a listener on the caller's own runtime, until the future is dropped: then nothing new is accepted.
pub async fn serve_here(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    stop: &CancellationToken,
) {
    let connections = Connections::new(router, config, stop);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        connections.serve(accept_one(&listener).await, place);
    }
}

/// The next connection, as one that another runtime can take over. Running out of files must not end the loop.
async fn accept_one(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => return stream,
            Err(error) => {
                warn!(%error, "a connection was not accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn run(worker: Arc<Worker>, mut handovers: mpsc::Receiver<Handover>, quit: CancellationToken) {
    let connections = Connections::new(
        http::router(Arc::clone(&worker)),
        &worker.gateway.config.server,
        &worker.gateway.stop,
    );
    while let Some((stream, place)) = handovers.recv().await {
        connections.serve(stream, place);
    }
    let closing = connections.close();
    tokio::pin!(closing);
    tokio::select! {
        // The connections are gone, but streams without a client may still be drained here.
        () = &mut closing => quit.cancelled().await,
        () = quit.cancelled() => {
            let _ = timeout(FLUSH_TIME_MAX, closing).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_of_clients_waits_until_it_is_accepted() {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("an address");
        let address = listener.local_addr().expect("an address");
        let burst: Vec<_> = (0..1_000)
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(60)).expect("a connection"))
            .collect();
        for client in &burst {
            let (accepted, peer) = listener.accept().await.expect("a connection");
            assert_eq!(peer, client.local_addr().expect("an address"), "in their order");
            drop(accepted);
        }
    }
}
