//! Upstreams: one pooled HTTP client per provider, and what is read from it.

mod client;

pub use client::{BadProvider, SendError, Upstream, Upstreams};
