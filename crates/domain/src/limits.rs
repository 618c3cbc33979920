//! What bounds a key or an account: rates, open calls, and quotas per period.

use std::fmt;

use crate::limit::Limit;
use crate::money::Money;
use crate::period::{PerPeriod, Period};

/// What may be used in one period; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Requests.
    pub requests: Option<u64>,
    /// Tokens, of prompts and answers together.
    pub tokens: Option<u64>,
    /// Money: a key's credit cap.
    pub spend: Option<Money>,
}

impl Quota {
    /// No bound.
    pub const NONE: Quota = Quota { requests: None, tokens: None, spend: None };
}

/// All the limits of a key or an account; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The rate of requests.
    pub requests: Option<Limit>,
    /// The rate of tokens, of prompts and answers together.
    pub tokens: Option<Limit>,
    /// Calls that may be open at once. Zero lets none through.
    pub concurrent: Option<u32>,
    /// What may be used in each period.
    pub quotas: PerPeriod<Quota>,
}

/// Names one of the limits. As text: `requests`, `quotas.day.spend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitName {
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::tokens`].
    Tokens,
    /// [`Limits::concurrent`].
    Concurrent,
    /// [`Quota::requests`] of a period.
    RequestQuota(Period),
    /// [`Quota::tokens`] of a period.
    TokenQuota(Period),
    /// [`Quota::spend`] of a period.
    SpendQuota(Period),
}

impl Limits {
    /// No bound.
    pub const NONE: Limits =
        Limits { requests: None, tokens: None, concurrent: None, quotas: PerPeriod::new([Quota::NONE; 4]) };

    /// Whether any quota of money is set.
    #[must_use]
    pub fn cap_spend(&self) -> bool {
        self.quotas.iter().any(|(_, quota)| quota.spend.is_some())
    }

    /// Whether any quota of tokens is set.
    #[must_use]
    pub fn cap_tokens(&self) -> bool {
        self.quotas.iter().any(|(_, quota)| quota.tokens.is_some())
    }

    /// The stricter of each limit.
    #[must_use]
    pub fn tightened_by(&self, other: &Limits) -> Limits {
        Limits {
            requests: stricter(self.requests, other.requests, Limit::tightened_by),
            tokens: stricter(self.tokens, other.tokens, Limit::tightened_by),
            concurrent: stricter(self.concurrent, other.concurrent, u32::min),
            quotas: PerPeriod::from_fn(|period| {
                let (own, others) = (self.quotas[period], other.quotas[period]);
                Quota {
                    requests: stricter(own.requests, others.requests, u64::min),
                    tokens: stricter(own.tokens, others.tokens, u64::min),
                    spend: stricter(own.spend, others.spend, Money::min),
                }
            }),
        }
    }

    /// Whether each limit is at least as strict as that of `bound`; the error names the first that is looser.
    pub fn is_within(&self, bound: &Limits) -> Result<(), LimitName> {
        let check = |name, holds: bool| if holds { Ok(()) } else { Err(name) };
        check(LimitName::Requests, within(self.requests, bound.requests, Limit::is_within))?;
        check(LimitName::Tokens, within(self.tokens, bound.tokens, Limit::is_within))?;
        check(LimitName::Concurrent, within(self.concurrent, bound.concurrent, |own, most| own <= most))?;
        for (period, quota) in self.quotas.iter() {
            let most = bound.quotas[period];
            check(
                LimitName::RequestQuota(period),
                within(quota.requests, most.requests, |own, most| own <= most),
            )?;
            check(LimitName::TokenQuota(period), within(quota.tokens, most.tokens, |own, most| own <= most))?;
            check(LimitName::SpendQuota(period), within(quota.spend, most.spend, |own, most| own <= most))?;
        }
        Ok(())
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitName::Requests => f.write_str("requests"),
            LimitName::Tokens => f.write_str("tokens"),
            LimitName::Concurrent => f.write_str("concurrent"),
            LimitName::RequestQuota(period) => write!(f, "quotas.{}.requests", period.as_str()),
            LimitName::TokenQuota(period) => write!(f, "quotas.{}.tokens", period.as_str()),
            LimitName::SpendQuota(period) => write!(f, "quotas.{}.spend", period.as_str()),
        }
    }
}

/// The stricter of two bounds, of which any is stricter than none.
fn stricter<T: Copy>(one: Option<T>, other: Option<T>, tighten: fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(tighten(one, other)),
        (one, other) => one.or(other),
    }
}

/// Whether a bound is at least as strict as `most`; no bound is looser than any.
fn within<T: Copy>(own: Option<T>, most: Option<T>, holds: fn(T, T) -> bool) -> bool {
    match (own, most) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(most)) => holds(own, most),
    }
}
