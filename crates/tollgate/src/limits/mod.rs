//! Limits in force: the meters of keys and accounts, what a call takes from them, how limits are written, and what a
//! reply says of them.
//!
//! The rules are `domain::meter`'s. Every account and every key in memory has one meter of a fixed size, so the state of
//! the limiter is bounded by the records that are in memory anyway, and a key that does not exist leaves no trace.

mod fields;
mod headers;
mod reservation;
mod shared_meter;

pub use fields::{InvalidField, LimitFields, QUOTA_MAX, field_of};
pub use headers::set_rate_limits;
pub use reservation::{Limited, LimitedBy, Reservation};
pub use shared_meter::SharedMeter;

use domain::{Limits, Standing, Window};

use crate::clock::Clock;

/// The limits that one call is admitted with: in flight it keeps them, whatever changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallLimits {
    /// Of the account as a whole.
    pub account: Limits,
    /// Of the key: its plan's, made stricter by its own.
    pub key: Limits,
}

impl CallLimits {
    /// The rate of requests alone.
    #[must_use]
    pub fn rates(&self) -> CallLimits {
        let rate = |limits: &Limits| Limits { requests: limits.requests, ..Limits::NONE };
        CallLimits { account: rate(&self.account), key: rate(&self.key) }
    }

    /// Where the rates stand, of each kind the one that is nearer to its end. A call without limits looks at nothing.
    #[must_use]
    pub fn standing(&self, account: &SharedMeter, key: &SharedMeter, clock: &Clock) -> Standing {
        let rated = |limits: &Limits| limits.requests.is_some() || limits.tokens.is_some();
        if !rated(&self.account) && !rated(&self.key) {
            return Standing::default();
        }
        let now = clock.now();
        let (account, key) = (account.standing(&self.account, now), key.standing(&self.key, now));
        Standing {
            requests: nearer(account.requests, key.requests),
            tokens: nearer(account.tokens, key.tokens),
        }
    }
}

fn nearer(one: Option<Window>, other: Option<Window>) -> Option<Window> {
    match (one, other) {
        (Some(one), Some(other)) if other.remaining < one.remaining => Some(other),
        (one, other) => one.or(other),
    }
}
