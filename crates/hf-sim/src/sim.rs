//! The handle to a running simulator.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use socket2::SockRef;
use tokio::sync::watch;

use crate::catalogue::Status;
use crate::config::SimConfig;
use crate::record::RecordedRequest;
use crate::script::{Match, Rule, Script};
use crate::server;
use crate::state::State;
use crate::usage::Usage;

/// Connections that the system keeps until they are accepted: a burst of callers.
const BACKLOG: i32 = 4_096;

/// A running simulator. Dropping it closes its socket, breaks all its connections and waits for its threads.
pub struct HfSim {
    addr: SocketAddr,
    state: Arc<State>,
    /// Dropped to stop the workers.
    stop: Option<watch::Sender<()>>,
    workers: Vec<JoinHandle<()>>,
}

impl HfSim {
    /// Starts a simulator on threads of its own, so it works inside and outside of any async runtime. When this
    /// returns, the socket is listening.
    ///
    /// # Errors
    /// When the address cannot be listened on, or a thread cannot be made.
    pub fn start(config: SimConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        let workers = config.workers.max(1);
        let state = Arc::new(State::new(config));
        let (stop, stopped) = watch::channel(());
        let mut sim = Self { addr, state: Arc::clone(&state), stop: Some(stop), workers: Vec::new() };
        for number in 0..workers {
            let listener = listener.try_clone()?;
            sim.workers.push(server::start_worker(number, listener, Arc::clone(&state), stopped.clone())?);
        }
        Ok(sim)
    }

    /// The base URL for clients: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Where the simulator listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Scripts all requests that match, until [`clear_scripts`](Self::clear_scripts) or the match's `times` runs out.
    /// Later scripts win over earlier ones, and a request's own directives win over both.
    pub fn script(&self, matcher: Match, fault: Script) {
        self.state.rules.add(Rule { when: matcher, then: fault });
    }

    /// Forgets all scripts, how often directives were used, and what was released.
    pub fn clear_scripts(&self) {
        self.state.clear_scripts();
    }

    /// Lets go the requests that a script has [`held`](Script::held) by this name, now and later.
    pub fn release(&self, name: &str) {
        self.state.release(name);
    }

    /// Changes what the router's probes say about one model at one provider.
    ///
    /// # Panics
    /// When the catalogue has no such pair: a typo in a test must not pass silently.
    pub fn set_status(&self, model: &str, provider: &str, status: Status) {
        assert!(
            self.state.set_status(model, provider, status),
            "the catalogue has no `{model}` at `{provider}`"
        );
    }

    /// The recorded requests, oldest first; at most 4096, and 64 MiB of bodies.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.recorder.snapshot()
    }

    /// How many requests are in progress now. When this is 0, every recorded request shows how it ended.
    pub fn open_requests(&self) -> usize {
        self.state.recorder.open()
    }

    /// The tokens billed for all ended requests: what was sent, even when the client left half-way.
    pub fn total_usage(&self) -> Usage {
        self.state.recorder.billed()
    }
}

impl Drop for HfSim {
    fn drop(&mut self) {
        self.stop = None;
        for worker in self.workers.drain(..) {
            // A worker that panicked is stopped too.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for HfSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HfSim").field("addr", &self.addr).finish_non_exhaustive()
    }
}
