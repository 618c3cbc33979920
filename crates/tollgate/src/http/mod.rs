//! The public API: one endpoint per file, every route in [`router`], every error in [`error`].

mod activity;
pub(crate) mod activity_reply;
mod caller;
pub(crate) mod calls_query;
mod chat;
mod chat_schema;
mod credits;
mod csv;
mod describe;
pub(crate) mod docs;
pub(crate) mod document;
pub mod error;
pub mod field;
mod flow;
mod generation;
mod health;
mod ids;
mod input;
mod key;
mod layers;
mod limit_error;
mod models;
mod once;
mod openapi;
mod router;
pub(crate) mod routes;
mod scope;
mod usage;
pub(crate) mod usage_reply;

pub use caller::{Admin, Caller, Key, Management, Role};
pub use error::ApiError;
pub use input::{JsonBody, Named, PathId, QueryParams};
pub use layers::set_call_id;
pub use once::{Answering, OnceBody};
pub use router::router;
pub(crate) use routes::{Routes, endpoint};
