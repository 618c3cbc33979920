//! The gateway as a library: the binary, the integration tests and the demo start it from here.

pub mod admin;
pub mod app;
pub mod body_memory;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
mod connection;
pub mod demo;
pub mod first_start;
pub mod gateway;
pub mod http;
pub mod idempotency;
mod idle;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod pipeline;
pub mod serve;
pub mod sessions;
pub mod signals;
pub mod signup;
pub mod telemetry;
pub mod tokens;
pub mod upstream;
pub mod usd;
mod write_deadline;
