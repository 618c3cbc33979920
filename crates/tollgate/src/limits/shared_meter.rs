//! A meter that calls on several threads share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Count, Exceeded, Limits, Meter, Money, Now, PerPeriod, Standing};

/// The meter of one key or account. Clones are the same meter, and equal to nothing else.
#[derive(Clone, Debug, Default)]
pub struct SharedMeter(Arc<Mutex<Meter>>);

impl PartialEq for SharedMeter {
    fn eq(&self, other: &SharedMeter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedMeter {}

impl SharedMeter {
    /// Sets what was used in the periods that hold `wall_ms`, before the first call: with no call open.
    pub fn load(&self, counts: PerPeriod<Count>, wall_ms: i64) {
        *self.lock() = Meter::open(counts, wall_ms);
    }

    /// Where the rate limits stand.
    #[must_use]
    pub fn standing(&self, limits: &Limits, now: Now) -> Standing {
        self.lock().standing(limits, now)
    }

    /// The most that a call may reserve now; `None` is no bound.
    #[must_use]
    pub fn spend_left(&self, limits: &Limits, wall_ms: i64) -> Option<Money> {
        if !limits.cap_spend() {
            return None;
        }
        self.lock().spend_left(limits, wall_ms)
    }

    /// The most tokens that a call may reserve now; `None` is no bound.
    #[must_use]
    pub fn tokens_left(&self, limits: &Limits, wall_ms: i64) -> Option<u64> {
        if !limits.cap_tokens() {
            return None;
        }
        self.lock().tokens_left(limits, wall_ms)
    }

    /// The cap on money that does not cover `needed`, with the least left.
    #[must_use]
    pub fn spend_short_of(&self, limits: &Limits, needed: Money, wall_ms: i64) -> Option<Exceeded> {
        self.lock().spend_short_of(limits, needed, wall_ms)
    }

    /// What was used in each of the periods that hold `wall_ms`.
    #[must_use]
    pub fn counts(&self, wall_ms: i64) -> PerPeriod<Count> {
        let meter = self.lock();
        PerPeriod::from_fn(|period| meter.count(period, wall_ms))
    }

    /// Calls that were admitted and have not ended.
    #[must_use]
    pub fn open_calls(&self) -> u32 {
        self.lock().open_calls()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Meter> {
        // The meter is whole after a panic: none of its steps can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
