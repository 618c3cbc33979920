//! The workers: each accepts from the one listening socket and serves on a runtime of its own.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::routes;
use crate::state::State;

/// After a failed accept, as when no file descriptors are left, the worker waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Starts one worker on its own thread. It ends when `stop` changes.
pub(crate) fn start_worker(
    number: usize,
    listener: std::net::TcpListener,
    state: Arc<State>,
    stop: watch::Receiver<()>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("hf-sim-{number}")).spawn(move || {
        runtime.block_on(async {
            // The socket was made for this; failing here leaves the worker idle, and its calls to the others.
            if let Ok(listener) = TcpListener::from_std(listener) {
                accept(&listener, &state, stop).await;
            }
        });
        // Dropping the runtime drops every connection and every request in progress.
    })
}

async fn accept(listener: &TcpListener, state: &Arc<State>, mut stop: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(state)));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Without it, the second small write of a stream waits for the reader's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move {
            let mut ticket = state.recorder.begin();
            let reply = routes::reply(&state, request, &mut ticket).await;
            reply.begin(&state, ticket).await
        }
    });
    // An error here is a client that left or a scripted cut; both are on record.
    let _ =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service).await;
}
