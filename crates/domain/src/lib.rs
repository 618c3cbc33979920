//! The rules of the gateway: money, price, usage, hold, escrow, route, retry.
//!
//! Everything here is pure. There is no I/O, no async and no clock: time and randomness are arguments. The other
//! crates act on what these functions decide.

pub mod decimal;
pub mod escrow;
pub mod hold;
pub mod ids;
pub mod money;
pub mod offer;
pub mod outcome;
pub mod price;
pub mod retry;
pub mod usage;

pub use escrow::{AccountKind, Balance, Escrow, Hold, Refused, Settled};
pub use hold::CallBound;
pub use ids::{AccountId, CallId, GrantId, KeyId};
pub use money::Money;
pub use offer::{Abilities, Offer, Route};
pub use outcome::{BillingRule, Outcome};
pub use price::{Price, Pricing, Rate};
pub use usage::{Usage, UsageSource};
