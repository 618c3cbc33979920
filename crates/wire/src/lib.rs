//! Translation between bytes and values: server-sent events, the dialects of clients, catalogues, errors.
//!
//! Everything here is pure: bytes in, values out. There is no I/O, no async and no clock. Nothing panics on hostile
//! bytes, and every loop and buffer has a limit.

mod body;
pub mod catalogue;
pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error;
mod forward;
mod json;
pub mod messages;
mod object;
mod parameters;
mod passing;
pub mod pivot;
mod request_error;
pub mod responses;
mod scrub;
pub mod session;
pub mod sse;
mod target;
mod texts;
mod upstream_error;

pub use forward::Forward;
pub use target::Target;
