//! The state that all calls share, and what each worker has of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use domain::CallId;
use tokio_util::sync::CancellationToken;

use crate::body_memory::BodyMemory;
use crate::catalog::Catalogue;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::KeyRing;
use crate::ledger::Ledger;
use crate::ledger::sessions::Locks;
use crate::plans::PlanBook;
use crate::sessions::runs::Runs;
use crate::sessions::{Memory, Vault};
use crate::signup::Desk;
use crate::telemetry::Telemetry;
use crate::tokens::Tokenizers;
use crate::upstream::Upstreams;

/// The state that all workers share.
#[derive(Debug)]
pub struct Gateway {
    /// The configuration it was started with.
    pub config: Config,
    /// Accounts, holds and settlements.
    pub ledger: Ledger,
    /// The keys, in memory.
    pub keys: KeyRing,
    /// The sets of limits that accounts are on.
    pub plans: PlanBook,
    /// Where visitors sign up, if they may.
    pub signup: Option<Arc<Desk>>,
    /// Who goes on in which conversation.
    pub locks: Locks,
    /// Responses that run in the background.
    pub runs: Runs,
    /// The memory that the bodies of requests share.
    pub bodies: BodyMemory,
    /// What seals the reasoning that clients keep.
    pub vault: Vault,
    /// What counts the tokens of prompts.
    pub tokenizers: Tokenizers,
    /// Models, offers and prices.
    pub catalogue: Arc<Catalogue>,
    /// What calls are reported to.
    pub telemetry: Arc<Telemetry>,
    /// The wall clock.
    pub clock: Clock,
    /// Cancelled when calls that are still open have to end: the drain deadline of a shutdown has passed.
    pub stop: CancellationToken,
    /// Set when a shutdown has begun, so that load balancers look elsewhere.
    pub stopping: AtomicBool,
}

/// One worker: a thread with its own runtime and its own upstream connections, so that a call never changes threads.
#[derive(Debug)]
pub struct Worker {
    /// The shared state.
    pub gateway: Arc<Gateway>,
    /// This worker's connections.
    pub upstreams: Upstreams,
}

impl Gateway {
    /// What calls go on from.
    pub(crate) fn memory(&self) -> Memory<'_> {
        Memory { ledger: &self.ledger, locks: &self.locks, policy: self.config.sessions }
    }

    /// A new call id. Ids sort by time.
    #[must_use]
    pub fn next_call_id(&self) -> CallId {
        let millis = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, millis / 1000, nanos);
        CallId::from_bits(uuid::Uuid::new_v7(timestamp).as_u128())
    }
}
