//! The periods that quotas count in: calendar days, weeks and months of UTC, and all of time.

use std::ops::{Index, IndexMut};

use crate::calendar::{DAY_MS, civil_date, days_from_civil};

/// A span of the UTC calendar that a quota counts in. Its order is that of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// From midnight.
    Day,
    /// From midnight on Monday.
    Week,
    /// From midnight on the first of the month.
    Month,
    /// All of time, which never starts anew.
    Total,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 4] = [Period::Day, Period::Week, Period::Month, Period::Total];

    /// The word in the store, in the configuration and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Total => "total",
        }
    }

    /// The period of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// When the period that holds `at_ms` (milliseconds since the Unix epoch) started; `i64::MIN` for
    /// [`Period::Total`]. Times within a month of the ends of `i64` saturate.
    #[must_use]
    pub fn start_of(self, at_ms: i64) -> i64 {
        let day = at_ms.div_euclid(DAY_MS);
        let first = match self {
            Period::Day => day,
            Period::Week => monday(day),
            Period::Month => {
                let (year, month, _) = civil_date(day);
                days_from_civil(year, month, 1)
            }
            Period::Total => return i64::MIN,
        };
        first.saturating_mul(DAY_MS)
    }

    /// When the period that holds `at_ms` is over: the start of the next one. `None` for [`Period::Total`].
    #[must_use]
    pub fn end_of(self, at_ms: i64) -> Option<i64> {
        let day = at_ms.div_euclid(DAY_MS);
        let next = match self {
            Period::Day => day + 1,
            Period::Week => monday(day) + 7,
            Period::Month => {
                let (year, month, _) = civil_date(day);
                days_from_civil(year, month + 1, 1)
            }
            Period::Total => return None,
        };
        Some(next.saturating_mul(DAY_MS))
    }
}

/// The Monday on or before `day`. The epoch was a Thursday.
fn monday(day: i64) -> i64 {
    day - (day + 3).rem_euclid(7)
}

/// One value for each [`Period`]: `quotas[Period::Day]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerPeriod<T>([T; 4]);

impl<T> PerPeriod<T> {
    /// These values, for day, week, month and total.
    #[must_use]
    pub const fn new(values: [T; 4]) -> PerPeriod<T> {
        PerPeriod(values)
    }

    /// The value that `make` gives for each period.
    pub fn from_fn(make: impl FnMut(Period) -> T) -> PerPeriod<T> {
        PerPeriod(Period::ALL.map(make))
    }

    /// Each period with its value, the shortest period first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Period, &T)> {
        Period::ALL.into_iter().zip(&self.0)
    }
}

impl<T> Index<Period> for PerPeriod<T> {
    type Output = T;

    fn index(&self, period: Period) -> &T {
        &self.0[period as usize]
    }
}

impl<T> IndexMut<Period> for PerPeriod<T> {
    fn index_mut(&mut self, period: Period) -> &mut T {
        &mut self.0[period as usize]
    }
}
