//! `[sessions]`: how stored conversations are kept.

use super::error::ConfigError;
use super::section::Section;
use crate::ledger::sessions::{ACCOUNT_BYTES_DEFAULT, RETENTION_DAYS_DEFAULT, SessionPolicy};

/// A hundred years.
const RETENTION_DAYS_MAX: u64 = 36_500;

/// Less would not hold one request with an image.
const ACCOUNT_BYTES_MIN: u64 = 1 << 20;

/// A petabyte: more than a disk holds.
const ACCOUNT_BYTES_MAX: u64 = 1 << 50;

pub(super) fn read_sessions(section: &mut Section) -> Result<SessionPolicy, ConfigError> {
    let days = section.number("retention_days", 0..=RETENTION_DAYS_MAX)?;
    let days = days.map_or(RETENTION_DAYS_DEFAULT, |days| u32::try_from(days).unwrap_or(u32::MAX));
    let bytes = section.number("account_bytes_max", ACCOUNT_BYTES_MIN..=ACCOUNT_BYTES_MAX)?;
    Ok(SessionPolicy {
        retention_days: (days > 0).then_some(days),
        account_bytes_max: bytes.unwrap_or(ACCOUNT_BYTES_DEFAULT),
    })
}
