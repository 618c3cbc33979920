//! The integration tests: a real gateway on a free port, the simulator as its upstream, a real SQLite ledger.

mod answer;
mod books;
mod chat;
mod client;
mod crash;
mod dice;
mod edges;
mod endings;
mod harness;
mod leaving;
mod mix;
mod money;
mod prices;
mod process;
mod rates;
mod shutdown;
mod stampede;
mod upstream;
