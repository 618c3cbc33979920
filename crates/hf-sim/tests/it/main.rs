//! The simulator, tested from outside over HTTP.

mod answers;
mod client;
mod completion_refusals;
mod completions;
mod control;
mod delivery;
mod dialects;
mod embeddings;
mod errors;
mod hub;
mod lifecycle;
mod selection;
mod tokens;
