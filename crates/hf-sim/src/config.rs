//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::catalogue::Catalogue;

/// How to run a simulator. `SimConfig::default()` is a silent, instant router on a free port.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Changes every generated answer. Default 0.
    pub seed: u64,
    /// How slowly answers come. Default: at once.
    pub latency: Latency,
    /// The models to serve. Default: [`Catalogue::built_in`].
    pub catalogue: Catalogue,
    /// Threads, each with its own current-thread runtime; at least 1. Default 1.
    pub workers: usize,
    /// Whether requests are kept for [`HfSim::requests`](crate::HfSim::requests). Default true; a bench turns it off.
    pub record: bool,
    /// How the router refuses a provider that does not serve the model; both shapes are seen in the field.
    pub unmapped_error: UnmappedError,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            latency: Latency::default(),
            catalogue: Catalogue::default(),
            workers: 1,
            record: true,
            unmapped_error: UnmappedError::default(),
        }
    }
}

/// The pace of every answer that no script slows down further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Time before the first event, or before a whole answer.
    pub first_token: Duration,
    /// Time between two events of a stream.
    pub gap: Duration,
}

/// The body of the 400 for `:provider` when that provider does not serve the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmappedError {
    /// `{"error":{…,"code":"model_not_supported"}}`
    #[default]
    Nested,
    /// `{"error":"Model not supported by provider …"}`
    Text,
}
