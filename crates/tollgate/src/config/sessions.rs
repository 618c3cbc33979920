//! `[sessions]`: how stored conversations are kept.

use super::error::ConfigError;
use super::section::Section;

/// Days that sessions are kept unused, when nobody says: as long as clients know it from others.
const RETENTION_DAYS_DEFAULT: u32 = 30;

/// Bytes of sessions that an account may have, when nobody says: some hundred thousand turns of text.
const ACCOUNT_BYTES_DEFAULT: u64 = 1 << 30;

/// A hundred years.
const RETENTION_DAYS_MAX: u64 = 36_500;

/// Less would not hold one request with an image.
const ACCOUNT_BYTES_MIN: u64 = 1 << 20;

/// A petabyte: more than a disk holds.
const ACCOUNT_BYTES_MAX: u64 = 1 << 50;

/// How sessions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Days after its last use that a session is deleted; `None` is never.
    pub retention_days: Option<u32>,
    /// Bytes of sessions that an account may have.
    pub account_bytes_max: u64,
}

impl Default for SessionPolicy {
    fn default() -> SessionPolicy {
        SessionPolicy {
            retention_days: Some(RETENTION_DAYS_DEFAULT),
            account_bytes_max: ACCOUNT_BYTES_DEFAULT,
        }
    }
}

pub(super) fn read_sessions(section: &mut Section) -> Result<SessionPolicy, ConfigError> {
    let days = section.number("retention_days", 0..=RETENTION_DAYS_MAX)?;
    let days = days.map_or(RETENTION_DAYS_DEFAULT, |days| u32::try_from(days).unwrap_or(u32::MAX));
    let bytes = section.number("account_bytes_max", ACCOUNT_BYTES_MIN..=ACCOUNT_BYTES_MAX)?;
    Ok(SessionPolicy {
        retention_days: (days > 0).then_some(days),
        account_bytes_max: bytes.unwrap_or(ACCOUNT_BYTES_DEFAULT),
    })
}
