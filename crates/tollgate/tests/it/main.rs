//! The integration tests: a real gateway on a free port, the simulator as its upstream, a real SQLite ledger.

mod chat;
mod client;
mod harness;
