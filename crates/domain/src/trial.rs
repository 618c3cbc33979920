//! The trial plan that is built in.

use crate::limits::{Limits, Quota};
use crate::money::Money;
use crate::period::Period;
use crate::plan::{Plan, PlanName, Trial};

/// The name of the built-in plan.
pub const TRIAL_PLAN: &str = "trial";

/// Days from the start of a trial to its end.
const DAYS: u32 = 3;

/// Requests in a whole trial.
const REQUESTS: u64 = 1_000;

/// Tokens in a whole trial, of prompts and answers together.
const TOKENS: u64 = 100_000;

/// The credit of a trial, a dollar: it pays for all the tokens of a trial at ten dollars per million, which most models
/// are far below, and it is all that somebody with one more identity can take.
const CREDIT_NANOS: i64 = 1_000_000_000;

/// The trial plan that exists unless the configuration has another of its name.
#[must_use]
pub fn trial_plan(name: PlanName) -> Plan {
    let mut account = Limits::NONE;
    account.quotas[Period::Total] = Quota { requests: Some(REQUESTS), tokens: Some(TOKENS), spend: None };
    let credit = Money::from_nanos(CREDIT_NANOS).unwrap_or(Money::ZERO);
    Plan {
        name,
        account,
        key: Limits::NONE,
        models: None,
        trial: Some(Trial { days: DAYS, credit, converts_to: None }),
    }
}
