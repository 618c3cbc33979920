//! Which limit is in the way of a call, with what a client needs to know of it.

use crate::limit::Limit;
use crate::money::Money;
use crate::period::Period;

/// Why a call may not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Too many requests lately.
    Requests {
        /// The limit.
        limit: Limit,
        /// When there is room again, if nobody else takes it.
        retry_after_ns: u64,
    },
    /// Too many tokens lately.
    Tokens {
        /// The limit.
        limit: Limit,
        /// When there is room again, if nobody else takes it.
        retry_after_ns: u64,
    },
    /// Too many calls are open.
    Concurrent {
        /// The most that may be open.
        limit: u32,
    },
    /// The period's requests are used up.
    RequestQuota {
        /// The period.
        period: Period,
        /// The quota.
        limit: u64,
        /// Requests so far.
        used: u64,
        /// When the next period starts, in milliseconds since the Unix epoch; `None` is never.
        frees_at_ms: Option<i64>,
    },
    /// The period's tokens do not cover the call.
    TokenQuota {
        /// The period.
        period: Period,
        /// The quota.
        limit: u64,
        /// Tokens used so far, and reserved by open calls.
        used: u64,
        /// Tokens that the call asked for.
        needed: u64,
        /// When the next period starts, in milliseconds since the Unix epoch; `None` is never.
        frees_at_ms: Option<i64>,
    },
    /// The period's money does not cover the call.
    Spend {
        /// The period.
        period: Period,
        /// The cap.
        cap: Money,
        /// What is neither spent nor reserved by open calls.
        left: Money,
        /// Money that the call asked for.
        needed: Money,
        /// When the next period starts, in milliseconds since the Unix epoch; `None` is never.
        frees_at_ms: Option<i64>,
    },
}

impl Exceeded {
    /// Whether it passes by itself within moments: a rate, or open calls.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Exceeded::Requests { .. } | Exceeded::Tokens { .. } | Exceeded::Concurrent { .. })
    }
}
