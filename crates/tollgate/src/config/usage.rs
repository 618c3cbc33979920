//! `[usage]`: how the history of calls is kept.

use std::time::Duration;

use super::error::ConfigError;
use super::section::Section;
use crate::ledger::UsagePolicy;
use crate::ledger::usage::RETENTION_DAYS_DEFAULT;

/// More often, commits of rollups would cost what they save.
const ROLLUP_MS_MIN: u64 = 1_000;

/// More seldom, questions would read many receipts one by one.
const ROLLUP_MS_MAX: u64 = 60 * 60 * 1_000;

/// A hundred years.
const RETENTION_DAYS_MAX: u64 = 36_500;

pub(super) fn read_usage(section: &mut Section) -> Result<UsagePolicy, ConfigError> {
    let rollup_every = section.number("rollup_ms", ROLLUP_MS_MIN..=ROLLUP_MS_MAX)?.map(Duration::from_millis);
    let days = section.number("retention_days", 0..=RETENTION_DAYS_MAX)?;
    let days = days.map_or(RETENTION_DAYS_DEFAULT, |days| u32::try_from(days).unwrap_or(u32::MAX));
    Ok(UsagePolicy {
        rollup_every: rollup_every.unwrap_or(UsagePolicy::default().rollup_every),
        retention_days: (days > 0).then_some(days),
    })
}
