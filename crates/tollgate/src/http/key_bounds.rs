//! How far who makes or changes a key may go: not beyond its own rights, nor beyond the limits of the account's plan.

use domain::{KeyRole, LimitName, Limits, PerPeriod, Quota, Rights};
use hyper::StatusCode;

use crate::error::ApiError;
use crate::keys::Key;
use crate::ledger::{Account, KeyTerms};
use crate::limits::field_of;
use crate::plans::PlanBook;

/// How far a body may go.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The rights of who asks.
    pub(super) rights: Rights,
    /// The limits that the account's plan has for each of its keys.
    limits: Limits,
    pub(super) now_ms: i64,
}

impl Bounds {
    /// For the operator, whom nothing but the plan bounds.
    pub(crate) fn of_operator(account: &Account, plans: &PlanBook, now_ms: i64) -> Bounds {
        let plan = account.terms().plan.as_ref().and_then(|name| plans.get(name));
        Bounds {
            rights: Rights { role: KeyRole::Management, ..Rights::default() },
            limits: plan.map_or(Limits::NONE, |plan| plan.key),
            now_ms,
        }
    }

    /// The same for the holder of a key; `None` is the operator.
    pub(crate) fn of(self, actor: Option<&Key>) -> Bounds {
        let rights = actor.map_or(self.rights, |key| key.rights.clone());
        Bounds { rights, ..self }
    }

    /// Refuses keys that may do more than who asks: their secret would be a way to that.
    pub(crate) fn may_touch(&self, key: &Key) -> Result<(), ApiError> {
        key.rights.is_within(&self.rights).map_err(|name| {
            let message = "The key may do more than the one that asks, which therefore cannot touch it.";
            permission(message.to_owned(), name.as_str())
        })
    }

    /// The terms, if they are within these bounds. Limits that are as they were `before` may be looser than a plan that
    /// was tightened since: the stricter one counts anyway.
    pub(super) fn check(&self, terms: KeyTerms, before: &Limits) -> Result<KeyTerms, ApiError> {
        if terms.rights.role == KeyRole::Management && terms.limits != Limits::NONE {
            return Err(invalid("limits", "A management key has no limits: what it makes could use more."));
        }
        terms.rights.is_within(&self.rights).map_err(|name| {
            let field = name.as_str();
            let message = format!("'{field}' goes beyond what the key that asks may do itself.");
            permission(message, field)
        })?;
        terms
            .limits
            .is_within(&where_changed(&terms.limits, before, &self.limits))
            .map_err(|name| self.looser(name))?;
        Ok(terms)
    }

    fn looser(&self, name: LimitName) -> ApiError {
        let field = format!("limits.{}", field_of(name));
        let message = format!("'{field}' is looser than that of the account's plan, which is the most.");
        invalid(&field, &message)
    }
}

/// `bound`, of those limits that are given and were not so before: without one of its own, a key has the plan's.
fn where_changed(given: &Limits, before: &Limits, bound: &Limits) -> Limits {
    Limits {
        requests: if_changed(given.requests, before.requests, bound.requests),
        tokens: if_changed(given.tokens, before.tokens, bound.tokens),
        concurrent: if_changed(given.concurrent, before.concurrent, bound.concurrent),
        quotas: PerPeriod::from_fn(|period| {
            let (given, before, bound) = (given.quotas[period], before.quotas[period], bound.quotas[period]);
            Quota {
                requests: if_changed(given.requests, before.requests, bound.requests),
                tokens: if_changed(given.tokens, before.tokens, bound.tokens),
                spend: if_changed(given.spend, before.spend, bound.spend),
            }
        }),
    }
}

fn if_changed<T: Copy + PartialEq>(given: Option<T>, before: Option<T>, bound: Option<T>) -> Option<T> {
    bound.filter(|_| given.is_some() && given != before)
}

fn permission(message: String, param: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "permission_error", "rights_exceeded", message).param(param)
}

pub(super) fn invalid(param: &str, message: &str) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message).param(param)
}

#[cfg(test)]
mod tests {
    use domain::{Limit, Money, Period};
    use serde_json::{Value, json};

    use super::*;
    use crate::http::key_body::KeyBody;

    /// Bounds with a plan that has a limit of each kind for its keys.
    fn bounds() -> Bounds {
        let mut limits = Limits {
            requests: Some(Limit::new(60, 10).unwrap()),
            tokens: Some(Limit::new(1_000, 1_000).unwrap()),
            concurrent: Some(4),
            ..Limits::NONE
        };
        limits.quotas[Period::Day] = Quota { requests: Some(100), tokens: Some(10_000), spend: None };
        limits.quotas[Period::Month].spend = Some(Money::from_nanos(5_000_000_000).unwrap());
        let rights = Rights { role: KeyRole::Management, ..Rights::default() };
        Bounds { rights, limits, now_ms: 0 }
    }

    fn terms(limits: &Value) -> Result<KeyTerms, ApiError> {
        let body: KeyBody = serde_json::from_value(json!({"name": "a", "limits": limits})).unwrap();
        body.terms(&bounds())
    }

    #[test]
    fn a_limit_that_is_looser_than_the_plans_is_refused_by_its_name() {
        for (limits, field) in [
            (json!({"requests_per_minute": 61, "requests_burst": 10}), "limits.requests_per_minute"),
            // The burst is the rate unless it is given.
            (json!({"requests_per_minute": 60}), "limits.requests_per_minute"),
            (json!({"tokens_per_minute": 1_001}), "limits.tokens_per_minute"),
            (json!({"concurrent": 5}), "limits.concurrent"),
            (json!({"requests_per_day": 101}), "limits.requests_per_day"),
            (json!({"tokens_per_day": 10_001}), "limits.tokens_per_day"),
            (json!({"spend_per_month": "5.000000001"}), "limits.spend_per_month"),
        ] {
            let refused = terms(&limits).unwrap_err();
            let told = (refused.status.as_u16(), refused.body.param.as_deref());
            assert_eq!(told, (400, Some(field)), "{limits}");
        }
        for limits in [
            json!({}),
            json!({"requests_per_minute": 60, "requests_burst": 10, "tokens_per_minute": 1_000, "concurrent": 4}),
            json!({"requests_per_day": 100, "tokens_per_day": 0, "spend_per_month": "5"}),
            // What the plan does not limit.
            json!({"spend_per_day": "1000", "requests_total": 1_000_000, "tokens_per_week": 1}),
        ] {
            assert!(terms(&limits).is_ok(), "{limits}");
        }
    }
}
