//! The gateway as a library: the binary, the integration tests and the demo start it from here.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod keys;
pub mod ledger;
pub mod telemetry;
