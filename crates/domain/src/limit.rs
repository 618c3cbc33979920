//! One rate limit, and the bucket that enforces it: the generic cell rate algorithm, exact in integers.
//!
//! The bucket is a queue that drains at the limit's rate. Work may join it while it holds at most the burst. So in any
//! window of time, what joined is at most what drained in it and what is left: rate × window + burst.
//!
//! A call joins with an estimate. When its real use is known, the part that it did not use leaves the queue at once,
//! but only as far as it had not drained yet: what drained has already made room for others, and giving it back again
//! would let calls that wait with large estimates save up more than a burst. What it used beyond its estimate joins the
//! queue late, as a debt that drains at the rate.

use thiserror::Error;

/// The most that a limit may allow a minute, and the largest burst: far above what one gateway can serve.
pub const LIMIT_MAX: u64 = 1_000_000_000;

/// The largest debt, as minutes of the rate. It covers an answer that is far longer than was estimated, and is an end
/// to it where an upstream reports an absurd number. It is also what bounds the wait after a limit was made stricter.
pub const DEBT_MINUTES_MAX: u64 = 60;

/// One request or token in the bucket's units: what a rate of one a minute drains in a minute of nanoseconds. So every
/// sum is exact, for every rate.
const UNIT: u128 = MINUTE_NS;

const MINUTE_NS: u128 = 60_000_000_000;

/// A rate with a burst, of requests or of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    per_minute: u64,
    burst: u64,
}

/// Why numbers make no limit.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be from 1 to 1000000000, both a minute and in a burst")]
pub struct InvalidLimit;

impl Limit {
    /// A limit of `per_minute` in the long run and of `burst` at once, each from 1 to [`LIMIT_MAX`].
    pub const fn new(per_minute: u64, burst: u64) -> Result<Limit, InvalidLimit> {
        if per_minute >= 1 && per_minute <= LIMIT_MAX && burst >= 1 && burst <= LIMIT_MAX {
            Ok(Limit { per_minute, burst })
        } else {
            Err(InvalidLimit)
        }
    }

    /// What refills in a minute.
    #[must_use]
    pub const fn per_minute(self) -> u64 {
        self.per_minute
    }

    /// What may be taken at once after a pause.
    #[must_use]
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// The lower rate with the lower burst.
    #[must_use]
    pub fn tightened_by(self, other: Limit) -> Limit {
        Limit { per_minute: self.per_minute.min(other.per_minute), burst: self.burst.min(other.burst) }
    }

    /// Whether neither the rate nor the burst is above that of `bound`.
    #[must_use]
    pub fn is_within(self, bound: Limit) -> bool {
        self.per_minute <= bound.per_minute && self.burst <= bound.burst
    }

    fn burst_units(self) -> u128 {
        u128::from(self.burst) * UNIT
    }

    /// What drains in `ns`.
    fn drain(self, ns: u64) -> u128 {
        u128::from(self.per_minute) * u128::from(ns)
    }

    /// How long `units` take to drain, rounded up.
    fn drain_ns(self, units: u128) -> u64 {
        u64::try_from(units.div_ceil(u128::from(self.per_minute))).unwrap_or(u64::MAX)
    }

    /// The most that the bucket ever holds: the burst and the largest debt.
    fn units_max(self) -> u128 {
        self.burst_units() + u128::from(self.per_minute) * u128::from(DEBT_MINUTES_MAX) * UNIT
    }
}

/// A take was refused: the bucket has no room for it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// After this many nanoseconds the same take succeeds, if nobody else takes before. Never zero.
    pub retry_after_ns: u64,
}

/// What one take put into a bucket, to be trued up with [`Bucket::adjust`] or left as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Draw {
    amount: u64,
    /// The bucket's `filled` just after the take, which is where the take's share of the queue ends.
    end: u128,
}

/// The state of one limit. A new one has its full burst.
///
/// The limit is given to each call, so it may change between them: what is in the bucket stays and drains at the new
/// rate from the next take on. After any change a take waits no longer than the new limit's burst and
/// [`DEBT_MINUTES_MAX`] take to drain. A clock that steps back stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// All that ever joined the queue, in units.
    filled: u128,
    /// All that ever left it; never above `filled`.
    drained: u128,
    /// The monotonic time up to which it has drained.
    at_ns: u64,
    /// The limit of the last take, under which it drains until the next one.
    in_force: Option<Limit>,
}

impl Bucket {
    /// Takes `cost` at `now_ns`, or says how long to wait. A cost above the burst counts as the burst, so that no cost
    /// is refused for ever. After an error nothing is taken.
    pub fn take(&mut self, limit: Limit, cost: u64, now_ns: u64) -> Result<Draw, Wait> {
        self.go_on(limit, now_ns);
        let amount = cost.min(limit.burst);
        let level = self.level() + u128::from(amount) * UNIT;
        if level > limit.burst_units() {
            return Err(Wait { retry_after_ns: limit.drain_ns(level - limit.burst_units()) });
        }
        self.fill(u128::from(amount) * UNIT);
        Ok(Draw { amount, end: self.filled })
    }

    /// Drains up to `now_ns`, and goes on under `limit`, as a take does first, whatever comes of it.
    pub(crate) fn go_on(&mut self, limit: Limit, now_ns: u64) {
        self.advance(limit, now_ns);
        self.in_force = Some(limit);
    }

    /// Trues `draw`, which was taken under `admitted`, up to what was really used. What was not used is given back as
    /// far as it has not drained; what was used beyond it becomes a debt, up to [`DEBT_MINUTES_MAX`] of `admitted` and
    /// of the limit of the last take.
    ///
    /// The bucket drains under the limit of the last take, since others have taken under that one meanwhile: an old
    /// limit that was slower would forgive what they took, and one that was faster would let their share drain at once.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the draw away is what makes it be trued up once"
    )]
    pub fn adjust(&mut self, admitted: Limit, draw: Draw, used: u64, now_ns: u64) {
        let in_force = self.in_force.unwrap_or(admitted);
        self.advance(in_force, now_ns);
        let unused = u128::from(draw.amount.saturating_sub(used)) * UNIT;
        // Whatever left the queue since then counts as having stood before this share, so this errs to the strict side.
        let left = draw.end.saturating_sub(self.drained);
        self.drained = self.drained.saturating_add(unused.min(left)).min(self.filled);
        let debt = u128::from(used.saturating_sub(draw.amount)) * UNIT;
        self.fill(debt.min(admitted.units_max()));
        self.forgive(in_force);
    }

    /// What a take at `now_ns` could cost at most.
    #[must_use]
    pub fn remaining(&self, limit: Limit, now_ns: u64) -> u64 {
        let free = limit.burst_units().saturating_sub(self.level_at(limit, now_ns)) / UNIT;
        u64::try_from(free).unwrap_or(limit.burst).min(limit.burst)
    }

    /// Nanoseconds from `now_ns` until the full burst can be taken, if nobody takes before.
    #[must_use]
    pub fn full_after_ns(&self, limit: Limit, now_ns: u64) -> u64 {
        limit.drain_ns(self.level_at(limit, now_ns))
    }

    /// What is in the queue, in units.
    fn level(&self) -> u128 {
        self.filled - self.drained
    }

    fn level_at(&self, limit: Limit, now_ns: u64) -> u128 {
        let mut then = *self;
        then.advance(limit, now_ns);
        then.level()
    }

    /// Drains up to `now_ns`.
    fn advance(&mut self, limit: Limit, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.at_ns);
        self.at_ns += passed;
        self.drained += limit.drain(passed).min(self.level());
        self.forgive(limit);
    }

    fn fill(&mut self, units: u128) {
        self.filled = self.filled.saturating_add(units);
    }

    /// Lets go of what is beyond the largest debt.
    fn forgive(&mut self, limit: Limit) {
        self.drained += self.level().saturating_sub(limit.units_max());
    }
}
