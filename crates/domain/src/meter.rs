//! The meter of one key or account: what it used, what its open calls reserve, and whether one more call may start.
//!
//! A call counts in the periods in which it started. It is counted as a request at once; its tokens and money are
//! reserved until it ends, and then what it really used takes their place. At every moment, for every period,
//! used + reserved is at most the quota, as long as calls use no more than they reserved.
//!
//! Periods only go forward. While the wall clock is behind the latest period seen, calls count in that one, so a clock
//! that steps back opens no quota twice. One that was far ahead is put right by opening the meter anew from the store.

use crate::calendar::DAY_MS;
use crate::exceeded::Exceeded;
use crate::limit::{Bucket, Draw, Limit};
use crate::limits::Limits;
use crate::money::Money;
use crate::period::{PerPeriod, Period};

/// The time on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds of a monotonic clock, from any origin: rates go by it.
    pub mono_ns: u64,
    /// Milliseconds since the Unix epoch: periods go by it.
    pub wall_ms: i64,
}

/// What was used in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests, the open ones among them.
    pub requests: u64,
    /// Tokens of calls that ended.
    pub tokens: u64,
    /// Charges of calls that ended.
    pub spend: Money,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The most tokens that it may use: quotas reserve them.
    pub tokens: u64,
    /// The tokens that it is expected to use: the rate counts on them until the true number is known.
    pub rate_tokens: u64,
    /// Money: the amount of its hold, which its charge never exceeds.
    pub spend: Money,
}

/// What a call turned out to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Tokens.
    pub tokens: u64,
    /// Its charge.
    pub spend: Money,
    /// Whether it stays counted as a request in its periods. The rate counts it anyway.
    pub counted: bool,
}

/// What one call took from a meter. It must end in [`Meter::end`] or [`Meter::cancel`] of the same meter.
#[must_use = "what was taken stays reserved until the call ends"]
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    ask: Ask,
    /// When it started, for the choice of its periods: never before the periods that ran at its admission.
    started_ms: i64,
    requests: Option<(Limit, Draw)>,
    tokens: Option<(Limit, Draw)>,
}

impl Taken {
    /// When it started, for the choice of its periods, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }
}

/// Where one rate limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The limit. What remains counts down from its burst.
    pub limit: Limit,
    /// What may be taken at once, now.
    pub remaining: u64,
    /// Nanoseconds until the full burst is back, if nobody takes before.
    pub reset_ns: u64,
}

/// Where the rate limits stand; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The rate of requests.
    pub requests: Option<Window>,
    /// The rate of tokens.
    pub tokens: Option<Window>,
}

/// The running span of one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start_ms: i64,
    used: Count,
    /// What open calls that started in it asked for.
    reserved: Ask,
}

/// The state of one key or account. It has a fixed size, and a default one has used nothing.
///
/// It is no `Clone`, so that nothing is taken from a copy.
#[derive(Debug)]
pub struct Meter {
    requests: Bucket,
    tokens: Bucket,
    open: u32,
    spans: PerPeriod<Span>,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter::open(PerPeriod::default(), i64::MIN)
    }
}

impl Meter {
    /// The meter of a key or account that has used `counts` in the periods that hold `wall_ms`, with no open call and
    /// full bursts.
    #[must_use]
    pub fn open(counts: PerPeriod<Count>, wall_ms: i64) -> Meter {
        let span = |period: Period| Span { used: counts[period], ..Span::starting(period.start_of(wall_ms)) };
        Meter {
            requests: Bucket::default(),
            tokens: Bucket::default(),
            open: 0,
            spans: PerPeriod::from_fn(span),
        }
    }

    /// Lets a call start and takes what it asks for, or says which limit is in the way and takes nothing.
    ///
    /// Where several are, it is the first of: open calls, rate of requests, rate of tokens, then the quotas of the
    /// longest period first, as that is the longest wait.
    pub fn admit(&mut self, limits: &Limits, ask: Ask, now: Now) -> Result<Taken, Exceeded> {
        self.roll(now.wall_ms);
        if let Some(limit) = limits.concurrent.filter(|&limit| self.open >= limit) {
            return Err(Exceeded::Concurrent { limit });
        }
        // Kept also where the call is refused: what a stricter limit lets go of stays let go of.
        for (bucket, limit) in [(&mut self.requests, limits.requests), (&mut self.tokens, limits.tokens)] {
            limit.into_iter().for_each(|limit| bucket.go_on(limit, now.mono_ns));
        }
        let (mut requests, mut tokens) = (self.requests, self.tokens);
        let drawn_requests = draw(&mut requests, limits.requests, 1, now.mono_ns)
            .map_err(|(limit, retry_after_ns)| Exceeded::Requests { limit, retry_after_ns })?;
        let drawn_tokens = draw(&mut tokens, limits.tokens, ask.rate_tokens, now.mono_ns)
            .map_err(|(limit, retry_after_ns)| Exceeded::Tokens { limit, retry_after_ns })?;
        for (period, span) in self.spans.iter().rev() {
            span.check(period, limits, ask)?;
        }

        (self.requests, self.tokens) = (requests, tokens);
        self.open = self.open.saturating_add(1);
        for period in Period::ALL {
            self.spans[period].reserve(ask);
        }
        let started_ms = now.wall_ms.max(self.spans[Period::Day].start_ms);
        Ok(Taken { ask, started_ms, requests: drawn_requests, tokens: drawn_tokens })
    }

    /// Ends a call: it is no longer open, what it used takes the place of what it reserved, in the periods in which it
    /// started and that still run, and the rate of tokens is trued up under the limit that admitted it.
    pub fn end(&mut self, taken: Taken, used: Used, now: Now) {
        self.open = self.open.saturating_sub(1);
        if let Some((limit, draw)) = taken.tokens {
            self.tokens.adjust(limit, draw, used.tokens, now.mono_ns);
        }
        for period in Period::ALL {
            let span = &mut self.spans[period];
            if taken.started_ms >= span.start_ms {
                span.settle(taken.ask, used);
            }
        }
    }

    /// Ends a call that came to nothing before anything was done for it, such as one that another meter refused: as if
    /// it had never been admitted. What has drained from the rates meanwhile is not given back.
    pub fn cancel(&mut self, mut taken: Taken, now: Now) {
        if let Some((limit, draw)) = taken.requests.take() {
            self.requests.adjust(limit, draw, 0, now.mono_ns);
        }
        self.end(taken, Used { tokens: 0, spend: Money::ZERO, counted: false }, now);
    }

    /// The most that a call may reserve at `wall_ms`: the least that is left of all spend quotas. `None` is no bound.
    #[must_use]
    pub fn spend_left(&self, limits: &Limits, wall_ms: i64) -> Option<Money> {
        let left = |(period, span): (Period, Span)| Some(span.spend_left(limits.quotas[period].spend?));
        self.spans_at(wall_ms).iter().map(|(period, span)| (period, *span)).filter_map(left).min()
    }

    /// The most tokens that a call may reserve at `wall_ms`: the least that is left of all token quotas. `None` is no
    /// bound.
    #[must_use]
    pub fn tokens_left(&self, limits: &Limits, wall_ms: i64) -> Option<u64> {
        let left = |(period, span): (Period, &Span)| {
            let taken = span.used.tokens.saturating_add(span.reserved.tokens);
            Some(limits.quotas[period].tokens?.saturating_sub(taken))
        };
        self.spans_at(wall_ms).iter().filter_map(left).min()
    }

    /// The spend quota that does not cover `needed` at `wall_ms`: of several, the one with the least left.
    #[must_use]
    pub fn spend_short_of(&self, limits: &Limits, needed: Money, wall_ms: i64) -> Option<Exceeded> {
        let short = |(period, span): (Period, &Span)| {
            let cap = limits.quotas[period].spend?;
            let left = span.spend_left(cap);
            let frees_at_ms = period.end_of(span.start_ms);
            (needed > left).then_some((left, Exceeded::Spend { period, cap, left, needed, frees_at_ms }))
        };
        let nearest = self.spans_at(wall_ms).iter().filter_map(short).min_by_key(|(left, _)| *left);
        nearest.map(|(_, exceeded)| exceeded)
    }

    /// Where the rate limits stand.
    #[must_use]
    pub fn standing(&self, limits: &Limits, now: Now) -> Standing {
        let window = |bucket: &Bucket, limit: Limit| Window {
            limit,
            remaining: bucket.remaining(limit, now.mono_ns),
            reset_ns: bucket.full_after_ns(limit, now.mono_ns),
        };
        Standing {
            requests: limits.requests.map(|limit| window(&self.requests, limit)),
            tokens: limits.tokens.map(|limit| window(&self.tokens, limit)),
        }
    }

    /// Calls that were admitted and have not ended.
    #[must_use]
    pub fn open_calls(&self) -> u32 {
        self.open
    }

    /// What was used in the period that holds `wall_ms`, or in the latest one where the clock is behind it.
    #[must_use]
    pub fn count(&self, period: Period, wall_ms: i64) -> Count {
        self.spans_at(wall_ms)[period].used
    }

    /// Starts the periods that have begun by `wall_ms`.
    fn roll(&mut self, wall_ms: i64) {
        // All periods start with a day, so within the day there is nothing to look for.
        if wall_ms >= self.spans[Period::Day].start_ms.saturating_add(DAY_MS) {
            self.spans = self.spans_at(wall_ms);
        }
    }

    fn spans_at(&self, wall_ms: i64) -> PerPeriod<Span> {
        PerPeriod::from_fn(|period| {
            let span = self.spans[period];
            let start_ms = period.start_of(wall_ms);
            if start_ms > span.start_ms { Span::starting(start_ms) } else { span }
        })
    }
}

impl Span {
    fn starting(start_ms: i64) -> Span {
        Span { start_ms, used: Count::default(), reserved: Ask::default() }
    }

    /// Whether the quotas of its period cover the call.
    fn check(&self, period: Period, limits: &Limits, ask: Ask) -> Result<(), Exceeded> {
        let quota = limits.quotas[period];
        let frees_at_ms = period.end_of(self.start_ms);
        if let Some(limit) = quota.requests.filter(|&limit| self.used.requests >= limit) {
            return Err(Exceeded::RequestQuota { period, limit, used: self.used.requests, frees_at_ms });
        }
        let used = self.used.tokens.saturating_add(self.reserved.tokens);
        if let Some(limit) = quota.tokens.filter(|&limit| exceeds(used, ask.tokens, limit)) {
            return Err(Exceeded::TokenQuota { period, limit, used, needed: ask.tokens, frees_at_ms });
        }
        if let Some(cap) = quota.spend {
            let left = self.spend_left(cap);
            // A call that is free is covered even where the cap was lowered to less than was spent.
            if ask.spend > left {
                return Err(Exceeded::Spend { period, cap, left, needed: ask.spend, frees_at_ms });
            }
        }
        Ok(())
    }

    fn reserve(&mut self, ask: Ask) {
        self.used.requests = self.used.requests.saturating_add(1);
        self.reserved.tokens = self.reserved.tokens.saturating_add(ask.tokens);
        self.reserved.spend = sum(self.reserved.spend, ask.spend);
    }

    fn settle(&mut self, ask: Ask, used: Used) {
        self.reserved.tokens = self.reserved.tokens.saturating_sub(ask.tokens);
        self.reserved.spend = self.reserved.spend.saturating_sub(ask.spend);
        self.used.requests = self.used.requests.saturating_sub(u64::from(!used.counted));
        self.used.tokens = self.used.tokens.saturating_add(used.tokens);
        self.used.spend = sum(self.used.spend, used.spend);
    }

    fn spend_left(&self, cap: Money) -> Money {
        cap.saturating_sub(sum(self.used.spend, self.reserved.spend))
    }
}

/// Takes `cost` where there is a limit; the error is that limit and the nanoseconds to wait.
fn draw(
    bucket: &mut Bucket,
    limit: Option<Limit>,
    cost: u64,
    now_ns: u64,
) -> Result<Option<(Limit, Draw)>, (Limit, u64)> {
    let Some(limit) = limit else { return Ok(None) };
    match bucket.take(limit, cost, now_ns) {
        Ok(draw) => Ok(Some((limit, draw))),
        Err(wait) => Err((limit, wait.retry_after_ns)),
    }
}

fn exceeds(used: u64, more: u64, limit: u64) -> bool {
    used.checked_add(more).is_none_or(|total| total > limit)
}

fn sum(a: Money, b: Money) -> Money {
    a.checked_add(b).unwrap_or(Money::MAX)
}
