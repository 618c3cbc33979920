//! Upstreams: one pooled HTTP client per provider, and what is read from it.

mod client;
mod secrets;
mod tls;

pub use client::{BadProvider, SendError, TRACEPARENT, Upstream, Upstreams};
pub(crate) use client::{Connector, HttpClient, connector, http_client};
pub use secrets::Secrets;
pub(crate) use tls::tls;
