//! Starts the gateway from its configuration, and stops it without losing anything.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::PlanName;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::{self, AdminState};
use crate::body_memory::BodyMemory;
use crate::catalog::{self, Catalogue};
use crate::clock::Clock;
use crate::config::{Config, SignupConfig};
use crate::entropy::Entropy;
use crate::gateway::{Gateway, Worker};
use crate::idempotency;
use crate::keys::{AdminKey, KeyRing, Secret, load_meters};
use crate::ledger::sessions::Locks;
use crate::ledger::{Ledger, LedgerError, StoreConfig};
use crate::plans::PlanBook;
use crate::serve::{Workers, listen, serve_here};
use crate::sessions::Vault;
use crate::sessions::runs::Runs;
use crate::signals::Signals;
use crate::signup::Desk;
use crate::telemetry::Telemetry;
use crate::tokens::Tokenizers;
use crate::upstream::{BadProvider, Upstreams};

/// How long calls that were told to end have to settle, when the gateway stops.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the last log lines and spans have to leave, when the gateway stops.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(3);

/// Signals within this time are one request to stop: `timeout` sends its own twice, and so does Ctrl-C in a terminal
/// whose other processes pass it on.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A gateway that is listening. Run it with [`Running::run`].
#[derive(Debug)]
pub struct Running {
    /// The shared state.
    pub gateway: Arc<Gateway>,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where operators connect.
    pub admin_listen: SocketAddr,
    /// The admin key, if it was made just now: it is shown once.
    pub admin_key: Option<Secret>,
    public: TcpListener,
    admin: TcpListener,
    admin_router: axum::Router,
    workers: Workers,
    sync_upstreams: Upstreams,
}

/// Why the gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The ledger was not opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A provider's row cannot be used.
    #[error(transparent)]
    Provider(#[from] BadProvider),
    /// An address is not free, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// `[signup]` names a plan that does not exist, or is no trial.
    #[error("[signup] plan = \"{0}\": there is no such trial plan")]
    SignupPlan(PlanName),
    /// The system gave no thread or runtime.
    #[error("cannot start a worker: {0}")]
    Worker(#[source] io::Error),
}

/// Opens the store, loads keys, plans, meters and catalogue, and listens. Nothing is accepted before [`Running::run`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_at(config, Clock::System).await
}

/// The same, by a clock that a test may move.
pub async fn start_at(config: Config, clock: Clock) -> Result<Running, StartError> {
    let entropy = Entropy::System;
    raise_file_limit();
    let ledger = Ledger::open(StoreConfig::Sqlite(config.store.path.clone()), clock.clone())?;
    let telemetry = Arc::new(Telemetry::start(&config, clock.now_ms()).map_err(StartError::Worker)?);
    ledger.report_to(Arc::clone(&telemetry));
    ledger.keep_usage(config.usage).await?;
    ledger.keep_sessions(config.sessions).await?;
    let given = config.admin.key.as_ref().map(|key| key.expose().to_owned());
    let (admin_auth, admin_key) = AdminKey::load_or_create(given.as_deref(), &ledger, &entropy).await?;
    let vault = Vault::load_or_create(&ledger, &entropy).await?;
    let keys = KeyRing::open(ledger.clone(), entropy).await?;
    let catalogue = Arc::new(Catalogue::new(&config));
    let sync_upstreams = Upstreams::new(&config.providers)?;
    catalog::load_copies(&catalogue, &sync_upstreams, &ledger).await;
    let (public, listen) = bind(config.server.listen)?;
    let (admin, admin_listen) = bind(config.admin.listen)?;
    let plans = PlanBook::open(&ledger, config.plans.iter().cloned()).await?;
    warn_of_missing_plans(&plans, &ledger);
    load_meters(&ledger, &keys).await?;
    let desk = |signup: &SignupConfig| {
        let known = plans.get(&signup.plan).is_some_and(|plan| plan.trial.is_some());
        let desk = || Arc::new(Desk::new(signup, &plans, &ledger, &keys, &clock));
        known.then(desk).ok_or_else(|| StartError::SignupPlan(signup.plan.clone()))
    };
    let signup = config.signup.as_ref().map(desk).transpose()?;
    let tokenizers = Tokenizers::new(&config, clock.clone());
    let bodies = BodyMemory::new(config.server.bodies_bytes_max);
    let gateway = Arc::new(Gateway {
        config,
        ledger,
        keys,
        plans,
        signup,
        tokenizers,
        locks: Locks::default(),
        bodies,
        runs: Runs::default(),
        vault,
        catalogue,
        telemetry,
        clock,
        stop: CancellationToken::new(),
        stopping: AtomicBool::new(false),
    });
    let workers = (0..gateway.config.server.workers).map(|_| {
        let upstreams = Upstreams::new(&gateway.config.providers)?;
        Ok(Arc::new(Worker { gateway: Arc::clone(&gateway), upstreams }))
    });
    let workers = Workers::start(workers.collect::<Result<_, BadProvider>>()?).map_err(StartError::Worker)?;
    let admin_router = admin::router(admin_state(&gateway, &workers, admin_auth));
    info!(%listen, %admin_listen, "listening");
    Ok(Running {
        gateway,
        listen,
        admin_listen,
        admin_key,
        public,
        admin,
        admin_router,
        workers,
        sync_upstreams,
    })
}

/// What the admin API works on.
fn admin_state(gateway: &Gateway, workers: &Workers, admin_key: AdminKey) -> AdminState {
    AdminState {
        ledger: gateway.ledger.clone(),
        keys: gateway.keys.clone(),
        plans: gateway.plans.clone(),
        admin_key,
        hosts: gateway.config.admin.hosts.as_slice().into(),
        catalogue: Arc::clone(&gateway.catalogue),
        connections: workers.places(),
        metrics: Arc::clone(&gateway.telemetry.metrics),
    }
}

impl Running {
    /// The URL for clients, up to and without `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The URL for operators, up to and without `/admin`.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin_listen)
    }

    /// Serves until `stop` is ready, then drains: nothing new is accepted, open calls may end in their own time up
    /// to the drain deadline, and everything is settled. `true` when nothing was left open.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let Running { gateway, public, admin, admin_router, mut workers, sync_upstreams, .. } = self;
        let (ledger, clock) = (gateway.ledger.clone(), gateway.clock.clone());
        let sync = catalog::run_sync(Arc::clone(&gateway.catalogue), sync_upstreams, ledger, clock);
        let expiry = idempotency::run_expiry(gateway.ledger.clone());
        let stop = async {
            stop.await;
            // Before the listener closes, so that whoever finds it closed finds the rest of it unready as well.
            gateway.stopping.store(true, Ordering::Relaxed);
        };
        let admin = serve_here(admin, admin_router, &gateway.config.server, &gateway.stop);
        tokio::select! {
            () = workers.accept(public) => warn!("the listener ended"),
            () = admin => warn!("the admin listener ended"),
            () = sync => {}
            () = expiry => {}
            () = stop => {}
        }
        info!("stopping: open calls may end");
        gateway.stopping.store(true, Ordering::Relaxed);
        workers.close();
        let drained = drain(&gateway).await;
        workers.join().await;
        // A store that fails to the last is left as it is: what it did not take is not charged.
        let _ = timeout(SETTLE_TIME_MAX, gateway.ledger.clone().close()).await;
        gateway.telemetry.flush(FLUSH_TIME_MAX).await;
        info!(drained, "stopped");
        drained
    }
}

/// Serves until a signal comes, with `beside` running next to it. `false` when calls were left open: another signal,
/// a second or more after the first, does not wait for them.
pub async fn until_stopped(running: Running, beside: impl Future<Output = ()>) -> io::Result<bool> {
    let mut signals = Signals::listen()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = running.run(async {
        // Either way it is time to stop.
        let _ = stopped.await;
    });
    tokio::pin!(serving);
    let beside = async {
        beside.await;
        std::future::pending().await
    };
    tokio::select! {
        drained = &mut serving => return Ok(drained),
        () = signals.next() => {}
        () = beside => {}
    }
    drop(stop);
    let begun = Instant::now();
    let insisted = async {
        loop {
            signals.next().await;
            if begun.elapsed() >= SAME_REQUEST {
                break;
            }
        }
    };
    tokio::select! {
        drained = &mut serving => Ok(drained),
        () = insisted => Ok(false),
    }
}

/// Waits for open calls; those that are still open at the deadline are told to end, and settled.
async fn drain(gateway: &Gateway) -> bool {
    if gateway.ledger.drain(gateway.config.server.drain).await {
        return true;
    }
    warn!("calls are still open at the drain deadline: they end with an error event");
    gateway.stop.cancel();
    gateway.ledger.drain(SETTLE_TIME_MAX).await
}

fn warn_of_missing_plans(plans: &PlanBook, ledger: &Ledger) {
    for (plan, accounts) in plans.missing(&ledger.accounts()) {
        warn!(%plan, accounts, "this plan does not exist: calls of its accounts are refused until it does, or until they have another");
    }
    for (plan, trial) in plans.wrong_successors() {
        warn!(%plan, %trial, "trials are to become this plan, which does not exist or is a trial itself: calls of what they become are refused until it exists, and have its limits if it is a trial");
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let listener = listen(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// A stream takes two open files, and the usual limit of 1,024 is met by 500 of them.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%error, "the limit on open files was not raised");
    }
}
