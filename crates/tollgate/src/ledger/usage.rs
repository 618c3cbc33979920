//! What is asked of the history of calls, and what is answered: activity, series and counts.

use domain::{AccountId, Count, Histogram, KeyId, Money, Outcome, PerPeriod, Usage};

use super::receipt::StoredReceipt;

/// The longest session or label of a call, in characters.
pub const TAG_CHARS_MAX: usize = 128;

/// Which calls. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Made with this key.
    pub key: Option<KeyId>,
    /// Started at this time or later, in milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Started before this time, in milliseconds since the Unix epoch.
    pub to_ms: Option<i64>,
    /// Served by this model, as its provider calls it.
    pub model: Option<String>,
    /// Served by this provider.
    pub provider: Option<String>,
    /// Ended like this.
    pub ended: Option<Ended>,
    /// Of this session.
    pub session: Option<String>,
    /// With this label.
    pub label: Option<String>,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a status of this hundred: 4 is 400 to 499.
    Class(u16),
    /// With this status.
    Status(u16),
    /// In this way.
    Outcome(Outcome),
}

impl Ended {
    /// From `4xx`, `404` or `client_gone`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Ended> {
        if let Some(outcome) = Outcome::parse(text) {
            return Some(Ended::Outcome(outcome));
        }
        if text.len() != 3 || !text.is_ascii() {
            return None;
        }
        if let Some(class) = text.strip_suffix("xx") {
            return class.parse().ok().filter(|class| (1..=5).contains(class)).map(Ended::Class);
        }
        text.parse().ok().filter(|status| (100..=599).contains(status)).map(Ended::Status)
    }
}

/// A part of the activity, newest first: in the order of settlement, backwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The calls.
    pub receipts: Vec<StoredReceipt>,
    /// Where the next part goes on; `None` after the last call.
    pub next: Option<Cursor>,
}

/// A place in the activity. Calls that are settled meanwhile come before it, so that no later part repeats or misses
/// a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) i64);

impl Cursor {
    /// As a text for clients.
    #[must_use]
    pub fn to_text(self) -> String {
        format!("act_{:x}", self.0)
    }

    /// What [`Cursor::to_text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cursor> {
        let seq = i64::from_str_radix(text.strip_prefix("act_")?, 16).ok().filter(|seq| *seq > 0)?;
        Some(Cursor(seq)).filter(|cursor| cursor.to_text() == text)
    }
}

/// How long a point of a series is. All times are UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A calendar month.
    Month,
}

impl Interval {
    /// Its name in queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Interval::Hour => "hour",
            Interval::Day => "day",
            Interval::Month => "month",
        }
    }
}

/// What the lines of a series stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// All calls together.
    None,
    /// Each key.
    Key,
    /// Each model.
    Model,
    /// Each provider.
    Provider,
}

impl GroupBy {
    /// Its name in queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GroupBy::None => "none",
            GroupBy::Key => "key",
            GroupBy::Model => "model",
            GroupBy::Provider => "provider",
        }
    }
}

/// A series to compute. Its calls have both times and neither session nor label; the times are widened to whole
/// intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Of which calls.
    pub calls: Calls,
    /// How long each point is.
    pub interval: Interval,
    /// What the lines stand for.
    pub group_by: GroupBy,
}

/// The most points of one series: a year of hours, or a month of hours of thirteen models.
pub const POINTS_MAX: usize = 10_000;

/// One point of a series. Points without calls are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When its interval starts, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The key, model or provider; empty for calls without one, and where nothing is grouped.
    pub group: String,
    /// What the calls came to.
    pub sums: Sums,
}

/// What a set of calls came to. Sums that would not fit stay at the largest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls.
    pub requests: u64,
    /// Of those, calls that neither were answered whole nor ended by their client.
    pub errors: u64,
    /// Tokens by kind.
    pub usage: Usage,
    /// What accounts paid.
    pub charge: Money,
    /// What calls cost beyond that.
    pub uncollected: Money,
    /// Microseconds to the first token.
    pub first_token: Histogram,
    /// Thousandths of an output token per second.
    pub speed: Histogram,
}

impl Sums {
    /// Adds what other calls came to.
    pub(super) fn add(&mut self, other: &Sums) {
        self.add_counts(other);
        self.first_token.merge(&other.first_token);
        self.speed.merge(&other.speed);
    }

    /// Adds what other calls came to, but for their times.
    pub(super) fn add_counts(&mut self, other: &Sums) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.usage.input = self.usage.input.saturating_add(other.usage.input);
        self.usage.cached_input = self.usage.cached_input.saturating_add(other.usage.cached_input);
        self.usage.output = self.usage.output.saturating_add(other.usage.output);
        self.usage.reasoning = self.usage.reasoning.saturating_add(other.usage.reasoning);
        self.charge = saturating_add(self.charge, other.charge);
        self.uncollected = saturating_add(self.uncollected, other.uncollected);
    }

    /// Which part of the prompts' tokens came from a cache, in thousandths. `None` without prompts.
    #[must_use]
    pub fn cache_permille(&self) -> Option<u64> {
        let share = u128::from(self.usage.cached_input) * 1_000;
        u64::try_from(share.checked_div(u128::from(self.usage.input))?).ok()
    }
}

/// The sum, or the largest amount.
pub(super) fn saturating_add(a: Money, b: Money) -> Money {
    Money::saturating_from(u128::from(a.nanos().unsigned_abs()) + u128::from(b.nanos().unsigned_abs()))
}

/// What a key has used in the current periods. Calls that were refused do not count; the others count in the period in
/// which they started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCounts {
    /// Whose key it is.
    pub account: AccountId,
    /// The key.
    pub key: KeyId,
    /// Requests, tokens of prompts and answers, and charges, by UTC period.
    pub counts: PerPeriod<Count>,
}

/// What a rebuild of the rollups did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Receipts that were read.
    pub receipts: u64,
    /// Rows of rollups that were missing, wrong or not to be there, and are right now.
    pub mended: u64,
}
