//! The integration tests: a real gateway on a free port, the simulator as its upstream, a real SQLite ledger.

mod auth;
mod broken_streams;
mod catalogue;
mod chat;
mod client;
mod failover;
mod framing;
mod harness;
mod pressure;
mod process;
mod providers;
mod public;
mod raw;
mod requests;
mod secrets;
mod streaming;
mod upstream;
