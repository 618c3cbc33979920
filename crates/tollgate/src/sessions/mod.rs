//! Conversations that are kept: what a call goes on from, who may go on at the same time, and what of a history fits.

mod fit;
mod ids;
mod locks;
mod recall;
mod seal;

pub(crate) use fit::{Fit, Overflow, estimate, fit};
pub(crate) use ids::{call_of, digits, response_id};
pub(crate) use locks::{Lock, Locks};
pub(crate) use recall::{Memory, Past, SessionRefusal, Wish, new_conversation, recall};
pub(crate) use seal::{Sealer, Vault};
