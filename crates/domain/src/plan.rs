//! Plans: named sets of limits and allowed models. A trial is a plan that ends.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::calendar::DAY_MS;
use crate::limits::Limits;
use crate::models::Models;
use crate::money::Money;

/// The longest name of a plan, in bytes: fits a column of a table on a screen.
pub const PLAN_NAME_LEN_MAX: usize = 64;

/// The longest trial: some ten years.
pub const TRIAL_DAYS_MAX: u32 = 3660;

/// Plans that there may be: a person writes each.
pub const PLANS_MAX: usize = 1_000;

/// The name of a plan: 1 to 64 of `a-z`, `0-9`, `_` and `-`, and a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanName(Arc<str>);

/// A text is no name of a plan.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be 1 to 64 of a-z, 0-9, _ and -, and start with a letter")]
pub struct InvalidPlanName;

/// A named set of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: PlanName,
    /// The limits of the whole account.
    pub account: Limits,
    /// The limits of each of its keys; a key's own may only be stricter.
    pub key: Limits,
    /// The models that may be called; `None` is all.
    pub models: Option<Models>,
    /// Set when the plan is a trial.
    pub trial: Option<Trial>,
}

/// What makes a plan a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Days from its start to its end, from 1 to [`TRIAL_DAYS_MAX`].
    pub days: u32,
    /// Credit that is granted at its start.
    pub credit: Money,
    /// The plan of the account from its first paid grant on; `None` is no plan, and so no limits.
    pub converts_to: Option<PlanName>,
}

impl PlanName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for PlanName {
    type Err = InvalidPlanName;

    fn from_str(text: &str) -> Result<PlanName, InvalidPlanName> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let valid = text.len() <= PLAN_NAME_LEN_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(allowed);
        if valid { Ok(PlanName(text.into())) } else { Err(InvalidPlanName) }
    }
}

impl Trial {
    /// When a trial that starts at `start_ms` (milliseconds since the Unix epoch) is over.
    #[must_use]
    pub fn ends_at_ms(&self, start_ms: i64) -> i64 {
        start_ms.saturating_add(i64::from(self.days) * DAY_MS)
    }
}
