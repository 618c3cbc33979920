//! Upstreams: the pooled HTTP clients of each provider, and what is read from it.

mod client;
mod lanes;
mod pool;
mod secrets;
#[cfg(test)]
mod tests;
mod tls;

pub use client::{BadProvider, SendError, TRACEPARENT, Upstream, Upstreams};
pub use lanes::ResponseBody;
pub(crate) use pool::{Connector, HttpClient, connector, http_client};
pub use secrets::Secrets;
pub(crate) use tls::tls;
