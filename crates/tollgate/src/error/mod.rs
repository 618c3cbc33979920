//! Why a request got no answer, and what its client is told: refusals and failures as values, and the one table that
//! makes HTTP of them.

mod api_error;
mod idempotency;
pub(crate) mod key;
mod limit;
mod refusal;
mod session;
mod table;

pub use api_error::ApiError;
pub use refusal::{Failure, NoCredit, Refusal};
