//! The levels of rollups: which there are, what their rows are about, and how a row of one adds to rows of the others.

use std::collections::BTreeMap;

use domain::Period;
use domain::calendar::DAY_MS;

use crate::ledger::usage::{Interval, Sums};

pub(super) const HOUR_MS: i64 = 3_600_000;

/// One level: how long its buckets are, and whose calls a row sums up. Each has a table of the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rollup {
    pub(super) width: Width,
    pub(super) interval: Interval,
}

/// Whose calls a row sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    /// Those of one key.
    Key,
    /// Those of all keys of an account, or of all accounts: [`ALL`] stands for what is not told apart.
    Wide,
}

/// In place of an account or a key: all of them. No id is like that.
pub(super) const ALL: [u8; 16] = [0; 16];

impl Width {
    pub(super) const BOTH: [Width; 2] = [Width::Key, Width::Wide];
}

impl Rollup {
    /// Of the hours of each key: the one level that is folded from receipts. All others are sums of it.
    pub(super) const HOURS: Rollup = Rollup { width: Width::Key, interval: Interval::Hour };
    /// Of the days of each key.
    pub(super) const DAYS: Rollup = Rollup { width: Width::Key, interval: Interval::Day };

    pub(super) fn table(self) -> &'static str {
        match (self.width, self.interval) {
            (Width::Key, Interval::Hour) => "usage_hours",
            (Width::Key, Interval::Day) => "usage_days",
            (Width::Key, Interval::Month) => "usage_months",
            (Width::Wide, Interval::Hour) => "usage_wide_hours",
            (Width::Wide, Interval::Day) => "usage_wide_days",
            (Width::Wide, Interval::Month) => "usage_wide_months",
        }
    }
}

/// The bucket in which that time lies: whole hours or days since the Unix epoch. That of a month is its first day.
pub(super) fn bucket(interval: Interval, at_ms: i64) -> i64 {
    match interval {
        Interval::Hour => at_ms.div_euclid(HOUR_MS),
        Interval::Day => at_ms.div_euclid(DAY_MS),
        Interval::Month => Period::Month.start_of(at_ms).div_euclid(DAY_MS),
    }
}

/// When that bucket starts, in milliseconds since the Unix epoch.
pub(super) fn start_ms(interval: Interval, bucket: i64) -> i64 {
    let unit_ms = if interval == Interval::Hour { HOUR_MS } else { DAY_MS };
    bucket.saturating_mul(unit_ms)
}

/// When the bucket ends in which that time lies.
pub(super) fn end_ms(interval: Interval, at_ms: i64) -> i64 {
    let start_ms = start_ms(interval, bucket(interval, at_ms));
    match interval {
        Interval::Hour => start_ms.saturating_add(HOUR_MS),
        Interval::Day => start_ms.saturating_add(DAY_MS),
        Interval::Month => Period::Month.end_of(at_ms).unwrap_or(i64::MAX),
    }
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(super) rollup: Rollup,
    pub(super) account: [u8; 16],
    pub(super) bucket: i64,
    pub(super) key: [u8; 16],
    pub(super) model: String,
    pub(super) provider: String,
    pub(super) outcome: String,
    pub(super) status: u16,
}

impl Slot {
    /// The slot of a longer interval that holds this one.
    pub(super) fn within(&self, interval: Interval) -> Slot {
        let bucket = bucket(interval, start_ms(self.rollup.interval, self.bucket));
        Slot { rollup: Rollup { interval, ..self.rollup }, bucket, ..self.clone() }
    }

    /// The wide slots that hold this one of a key: its account's, and that of all accounts.
    fn wide(&self) -> [Slot; 2] {
        let rollup = Rollup { width: Width::Wide, ..self.rollup };
        let of_account = Slot { rollup, key: ALL, ..self.clone() };
        [Slot { account: ALL, ..of_account.clone() }, of_account]
    }
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rolled {
    /// Between which receipts its own lie.
    pub(super) first_seq: i64,
    pub(super) last_seq: i64,
    pub(super) sums: Sums,
}

impl Rolled {
    pub(super) fn add(&mut self, other: &Rolled) {
        self.first_seq = self.first_seq.min(other.first_seq);
        self.last_seq = self.last_seq.max(other.last_seq);
        self.sums.add(&other.sums);
    }
}

/// Rows as they come together.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows(pub(super) BTreeMap<Slot, Rolled>);

impl Rows {
    /// These rows of keys, and what they add up to over longer intervals.
    pub(super) fn and_longer(self, intervals: &[Interval]) -> Rows {
        let mut all = self.clone();
        for (slot, rolled) in &self.0 {
            intervals.iter().for_each(|interval| all.add(slot.within(*interval), rolled));
        }
        all
    }

    /// These rows of keys, and the wide rows that they add up to.
    pub(super) fn and_wide(mut self) -> Rows {
        let wide = self.wide();
        self.0.extend(wide.0);
        self
    }

    /// The wide rows that these rows of keys add up to.
    pub(super) fn wide(&self) -> Rows {
        let mut rows = Rows::default();
        for (slot, rolled) in &self.0 {
            slot.wide().into_iter().for_each(|wide| rows.add(wide, rolled));
        }
        rows
    }

    /// Adds to the row of that slot.
    pub(super) fn add(&mut self, slot: Slot, rolled: &Rolled) {
        self.0.entry(slot).and_modify(|sum| sum.add(rolled)).or_insert_with(|| rolled.clone());
    }
}
