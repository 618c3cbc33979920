//! Conversations that are kept: what a call goes on from, and what of a history fits.

mod fit;
mod ids;
mod recall;
pub(crate) mod runs;
mod seal;
mod weigh;

pub use fit::Overflow;
pub(crate) use fit::{Fit, fit};
pub(crate) use ids::{call_of, digits, response_id};
pub use recall::SessionRefusal;
pub(crate) use recall::{HISTORY, Memory, Past, Wish, recall};
pub(crate) use seal::Sealer;
pub use seal::Vault;
pub(crate) use weigh::{estimate, estimate_new, weigh};
