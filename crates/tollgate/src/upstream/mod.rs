//! Upstreams: one pooled HTTP client per provider, and what is read from it.

mod client;
mod secrets;

pub use client::{BadProvider, SendError, Upstream, Upstreams};
pub(crate) use client::{Connector, connector};
pub use secrets::Secrets;
