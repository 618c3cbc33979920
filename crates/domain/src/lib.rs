//! The rules of the gateway: money, price, usage, hold, escrow, route, retry, limits, plans, receipts and the rights of
//! keys.
//!
//! Everything here is pure. There is no I/O, no async and no clock: time and randomness are arguments. The other
//! crates act on what these functions decide.

pub mod calendar;
pub mod decimal;
pub mod escrow;
pub mod exceeded;
pub mod histogram;
pub mod hold;
pub mod ids;
pub mod limit;
pub mod limits;
pub mod meter;
pub mod models;
pub mod money;
pub mod network;
pub mod offer;
pub mod outcome;
pub mod period;
pub mod plan;
pub mod price;
pub mod receipt;
pub mod retry;
pub mod rights;
pub mod trial;
pub mod usage;

pub use escrow::{AccountKind, Balance, Escrow, Hold, Refused, Settled};
pub use exceeded::Exceeded;
pub use histogram::Histogram;
pub use hold::CallBound;
pub use ids::{AccountId, CallId, ConversationId, GrantId, InviteId, KeyId, UnknownId};
pub use limit::{Bucket, Limit};
pub use limits::{LimitName, Limits, Quota};
pub use meter::{Ask, Count, Meter, Now, Standing, Taken, Used, Window};
pub use models::Models;
pub use money::Money;
pub use network::{Network, Networks};
pub use offer::{Abilities, ModelKind, Offer, Route};
pub use outcome::{BillingRule, Outcome};
pub use period::{PerPeriod, Period};
pub use plan::{Plan, PlanName, Trial};
pub use price::{Price, Pricing, Rate};
pub use receipt::Receipt;
pub use rights::{KeyRole, RightName, Rights};
pub use usage::{Usage, UsageSource};
