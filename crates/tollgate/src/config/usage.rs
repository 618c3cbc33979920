//! `[usage]`: how the history of calls is kept.

use std::time::Duration;

use super::error::ConfigError;
use super::section::Section;

/// More often, commits of rollups would cost what they save.
const ROLLUP_MS_MIN: u64 = 1_000;

/// More seldom, questions would read many receipts one by one.
const ROLLUP_MS_MAX: u64 = 60 * 60 * 1_000;

/// How often receipts are folded when nobody says. Questions read what is not folded yet one by one, so this bounds
/// their work; folding more seldom saves some commits.
const ROLLUP_EVERY_DEFAULT: Duration = Duration::from_secs(10);

/// How long receipts are kept when nobody says: a year and five weeks, so that every month can still be laid beside
/// the same month of the year before, call by call.
const RETENTION_DAYS_DEFAULT: u32 = 400;

/// A hundred years.
const RETENTION_DAYS_MAX: u64 = 36_500;

/// How usage is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsagePolicy {
    /// How often new receipts are folded.
    pub rollup_every: Duration,
    /// How many whole UTC days receipts are kept beside the current one; `None` is for ever.
    pub retention_days: Option<u32>,
}

impl Default for UsagePolicy {
    fn default() -> UsagePolicy {
        UsagePolicy { rollup_every: ROLLUP_EVERY_DEFAULT, retention_days: Some(RETENTION_DAYS_DEFAULT) }
    }
}

pub(super) fn read_usage(section: &mut Section) -> Result<UsagePolicy, ConfigError> {
    let rollup_every = section.number("rollup_ms", ROLLUP_MS_MIN..=ROLLUP_MS_MAX)?.map(Duration::from_millis);
    let days = section.number("retention_days", 0..=RETENTION_DAYS_MAX)?;
    let days = days.map_or(RETENTION_DAYS_DEFAULT, |days| u32::try_from(days).unwrap_or(u32::MAX));
    Ok(UsagePolicy {
        rollup_every: rollup_every.unwrap_or(ROLLUP_EVERY_DEFAULT),
        retention_days: (days > 0).then_some(days),
    })
}
