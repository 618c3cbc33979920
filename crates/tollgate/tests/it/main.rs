//! The integration tests: a real gateway on a free port, the simulator as its upstream, a real SQLite ledger.

mod books;
mod chat;
mod client;
mod crash;
mod dice;
mod edges;
mod endings;
mod harness;
mod money;
mod process;
mod shutdown;
