//! Upstreams: one pooled HTTP client per provider, and what is read from it.

mod client;
mod secrets;

pub(crate) use client::{Connector, connector};
pub use client::{BadProvider, SendError, Upstream, Upstreams};
pub use secrets::Secrets;
