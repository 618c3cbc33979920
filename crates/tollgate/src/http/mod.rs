//! The public API: one endpoint per file, every route in [`router`], every error in [`error`].

mod caller;
mod chat;
mod chat_schema;
mod credits;
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
pub(crate) mod key_body;
pub(crate) mod key_bounds;
mod key_error;
pub(crate) mod key_fields;
pub(crate) mod key_page;
pub(crate) mod key_reply;
mod keys;
mod layers;
mod ledger_error;
mod limit_error;
mod models;
mod openapi;
mod router;
pub(crate) mod routes;

pub use caller::{Admin, Caller, Key, Management, Role};
pub use error::ApiError;
pub use input::{JsonBody, Named, PathId, QueryParams};
pub use layers::set_call_id;
pub use router::router;
pub(crate) use routes::{Routes, endpoint};
