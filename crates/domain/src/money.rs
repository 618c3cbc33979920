//! Amounts of money.

use std::fmt;
use std::str::FromStr;

use crate::decimal::{self, DecimalError, Excess};

/// A non-negative amount in nano-US-dollars: at most about 9.2 billion dollars, so that it fits a signed column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// The largest amount.
    pub const MAX: Money = Money(i64::MAX);

    /// An amount of nano-dollars; `None` below zero.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Option<Money> {
        if nanos < 0 { None } else { Some(Money(nanos)) }
    }

    /// The amount in nano-dollars, capped at [`Money::MAX`].
    #[must_use]
    pub fn saturating_from(nanos: u128) -> Money {
        i64::try_from(nanos).map_or(Money::MAX, Money)
    }

    /// The amount in nano-dollars; never negative.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference; `None` when it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).and_then(Money::from_nanos)
    }

    /// The difference, or nothing when it would be negative.
    #[must_use]
    pub fn saturating_sub(self, other: Money) -> Money {
        self.checked_sub(other).unwrap_or(Money::ZERO)
    }
}

/// Exact decimal dollars, at least two places: `1.00`, `0.000023`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal::format_nanos(self.0.unsigned_abs()))
    }
}

/// Reads decimal dollars with up to nine places.
impl FromStr for Money {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Money, DecimalError> {
        let nanos = decimal::parse_nanos(text, Excess::Refuse)?;
        i64::try_from(nanos).map(Money).map_err(|_| DecimalError::TooLarge)
    }
}
