//! What a client is told when a limit of its account or its key is reached: which, whose, how much, and when it frees.
//!
//! Rates and open calls free by themselves within moments: 429, with the time to wait, and SDKs try again. Quotas free
//! with the calendar: 429 as well, but SDKs are told not to try again. Money is 402, which no SDK retries.

use std::time::Duration;

use domain::{Exceeded, Limit, Money, Period, PlanName};
use hyper::StatusCode;

use super::api_error::ApiError;
use super::key::forbidden;
use super::refusal::NoCredit;
use crate::limits::{Limited, LimitedBy};
use crate::time::rfc3339;

/// How long to wait for an open call to end: nobody knows, and a second is short for an answer.
const CALL_ENDS_AFTER: Duration = Duration::from_secs(1);

/// The error for a limit that is reached.
pub(super) fn limited(limited: &Limited) -> ApiError {
    let whose = whose(limited.by);
    match limited.exceeded {
        Exceeded::Requests { limit, retry_after_ns } => rate(whose, "requests", limit, retry_after_ns),
        Exceeded::Tokens { limit, retry_after_ns } => rate(whose, "tokens", limit, retry_after_ns),
        Exceeded::Concurrent { limit } => {
            let message = format!(
                "{whose} may have {limit} of its calls open at once, and has. Try again when one of them has ended."
            );
            too_many("rate_limit_exceeded", message, CALL_ENDS_AFTER)
        }
        Exceeded::RequestQuota { period, limit, used, frees_at_ms } => {
            quota(&format!("{whose} has used {used} of its {limit} requests {}", per(period)), frees_at_ms)
        }
        Exceeded::TokenQuota { period, limit, needed, .. } if needed > limit => insufficient(format!(
            "The call may take {needed} tokens, and {} has only {limit} tokens {}. Waiting does not help: ask for fewer tokens with max_tokens.",
            whose.to_lowercase(),
            per(period)
        )),
        Exceeded::TokenQuota { period, limit, used, needed, frees_at_ms } => quota(
            &format!(
                "The call may take {needed} tokens, and {} has used or reserved {used} of its {limit} tokens {}",
                whose.to_lowercase(),
                per(period)
            ),
            frees_at_ms,
        ),
        Exceeded::Spend { .. } => {
            spend(limited, "Wait until calls in flight have ended, or ask for a higher cap.")
        }
    }
}

/// The error for a call that the balance, or a cap on it, does not pay for.
pub(super) fn no_credit(no_credit: &NoCredit) -> ApiError {
    let tokens = no_credit.affordable_output_tokens;
    if let Some(cap) = &no_credit.cap {
        return match tokens {
            0 => spend(cap, "Ask for a higher cap."),
            _ => spend(cap, &format!("Ask for a higher cap, or set max_tokens to at most {tokens}.")),
        };
    }
    let advice = match tokens {
        0 => "Add credit.".to_owned(),
        _ => format!("Add credit, or set max_tokens to at most {tokens}."),
    };
    let message = format!(
        "The call could cost ${}, and the account has ${} available. {advice}",
        no_credit.needed, no_credit.available
    );
    payment("insufficient_credits", message)
}

/// The error for an account whose trial is over.
pub(super) fn trial_over(ended_at_ms: i64) -> ApiError {
    let message = format!(
        "The trial ended at {}. To go on with the same keys, ask the operator for credit or for a plan.",
        rfc3339(ended_at_ms)
    );
    forbidden("trial_expired", message)
}

/// The error for an account whose plan is gone.
pub(super) fn no_plan(plan: &PlanName) -> ApiError {
    let message =
        format!("The account's plan '{plan}' does not exist any more. The operator has to mend it.");
    forbidden("plan_missing", message)
}

/// The error for a model that the plan or the key leaves out.
pub(super) fn model_not_allowed(model: &str) -> ApiError {
    let message = format!("The plan or the key does not allow the model '{model}'.");
    forbidden("model_not_allowed", message).param("model")
}

fn spend(limited: &Limited, advice: &str) -> ApiError {
    let Exceeded::Spend { period, cap, left, needed, frees_at_ms } = limited.exceeded else {
        return payment("spend_cap_reached", format!("A cap on spending is reached. {advice}"));
    };
    let (whose, left) = (whose(limited.by).to_lowercase(), left.max(Money::ZERO));
    let until = frees_at_ms.map(|at| format!(" until {}", rfc3339(at))).unwrap_or_default();
    let message = format!(
        "The call could cost ${needed}, and {whose} has ${left} left{until} of its cap of ${cap} {}. {advice}",
        per(period)
    );
    payment("spend_cap_reached", message)
}

fn rate(whose: &str, of: &str, limit: Limit, retry_after_ns: u64) -> ApiError {
    let wait = Duration::from_nanos(retry_after_ns);
    let message = format!(
        "{whose} is limited to {} {of} a minute, and {} at once. There is room again in {} ms.",
        limit.per_minute(),
        limit.burst(),
        wait.as_nanos().div_ceil(1_000_000)
    );
    too_many("rate_limit_exceeded", message, wait)
}

fn too_many(code: &'static str, message: String, wait: Duration) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", code, message).after(Some(wait))
}

fn quota(used: &str, frees_at_ms: Option<i64>) -> ApiError {
    let frees = match frees_at_ms {
        Some(at) => format!("It starts anew at {}.", rfc3339(at)),
        None => "It does not start anew: ask the operator for more.".to_owned(),
    };
    insufficient(format!("{used}. {frees}"))
}

fn insufficient(message: String) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "quota_exceeded", message).retry(false)
}

fn payment(code: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_quota", code, message).retry(false)
}

fn whose(by: LimitedBy) -> &'static str {
    match by {
        LimitedBy::Account => "The account",
        LimitedBy::Key => "The key",
    }
}

fn per(period: Period) -> &'static str {
    match period {
        Period::Day => "a day",
        Period::Week => "a week",
        Period::Month => "a month",
        Period::Total => "in all",
    }
}

#[cfg(test)]
mod tests {
    use domain::{Exceeded, Period};

    use super::limited;
    use crate::limits::{Limited, LimitedBy};

    #[test]
    fn a_call_that_no_period_covers_is_told_to_ask_for_less() {
        for (needed, told) in [
            (
                101,
                "The call may take 101 tokens, and the key has only 100 tokens a day. Waiting does not help: ask for \
                 fewer tokens with max_tokens.",
            ),
            (
                100,
                "The call may take 100 tokens, and the key has used or reserved 7 of its 100 tokens a day. It starts \
                 anew at 1970-01-02T00:00:00.000Z.",
            ),
        ] {
            let frees_at_ms = Some(86_400_000);
            let exceeded =
                Exceeded::TokenQuota { period: Period::Day, limit: 100, used: 7, needed, frees_at_ms };
            let error = limited(&Limited { by: LimitedBy::Key, exceeded });
            assert_eq!(error.body.message, told);
            assert_eq!((error.status.as_u16(), error.code()), (429, Some("quota_exceeded")));
            assert_eq!(error.should_retry, Some(false));
        }
    }
}
