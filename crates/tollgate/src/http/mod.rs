//! The public API: one endpoint per file, every route in [`router`], every error in [`error`].

mod chat;
mod credits;
pub mod error;
mod flow;
mod generation;
mod health;
mod key;
mod layers;
mod limit_error;
mod models;
mod router;

pub use error::ApiError;
pub use layers::set_call_id;
pub use router::router;
