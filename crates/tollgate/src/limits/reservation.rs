//! What one call has taken from the meters of its account and its key, until it ends.

use domain::{Ask, Exceeded, Now, Taken, Used};

use super::{CallLimits, SharedMeter};
use crate::clock::Clock;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// The account's: all its keys share it.
    Account,
    /// The key's own, or its plan's for each key.
    Key,
}

/// A limit that a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Whose it is.
    pub by: LimitedBy,
    /// Which, and when it frees.
    pub exceeded: Exceeded,
}

/// An admitted call's share of both meters. It ends once: trued up by [`Reservation::end`], or dropped, as if the call
/// had never been admitted.
#[must_use = "dropping a reservation gives it back"]
#[derive(Debug)]
pub struct Reservation {
    clock: Clock,
    account: SharedMeter,
    key: SharedMeter,
    started_ms: i64,
    /// What was taken from each; gone when it ended.
    taken: Option<(Taken, Taken)>,
}

impl Reservation {
    /// Takes `ask` from the meter of the account, then from that of the key: from both, or from none. `clock` is that of
    /// `now`, for the end.
    pub fn take(
        account: &SharedMeter,
        key: &SharedMeter,
        limits: &CallLimits,
        ask: Ask,
        now: Now,
        clock: &Clock,
    ) -> Result<Reservation, Limited> {
        // Locked until both have answered, so that what the key refuses is never seen on the account by other keys' calls.
        let mut whole = account.lock();
        let from_account = whole
            .admit(&limits.account, ask, now)
            .map_err(|exceeded| Limited { by: LimitedBy::Account, exceeded })?;
        // Both count the call in the same periods, also where the wall clock has stepped back.
        let same_start = Now { wall_ms: from_account.started_ms(), ..now };
        let admitted = key.lock().admit(&limits.key, ask, same_start);
        match admitted {
            Ok(from_key) => Ok(Reservation {
                clock: clock.clone(),
                account: account.clone(),
                key: key.clone(),
                started_ms: from_key.started_ms(),
                taken: Some((from_account, from_key)),
            }),
            Err(exceeded) => {
                whole.cancel(from_account, now);
                Err(Limited { by: LimitedBy::Key, exceeded })
            }
        }
    }

    /// Which limit would refuse a call that asks for nothing, and so any call. Nothing is taken.
    pub fn peek(
        account: &SharedMeter,
        key: &SharedMeter,
        limits: &CallLimits,
        now: Now,
    ) -> Result<(), Limited> {
        for (by, meter, limits) in
            [(LimitedBy::Account, account, &limits.account), (LimitedBy::Key, key, &limits.key)]
        {
            let mut meter = meter.lock();
            let taken = meter.admit(limits, Ask::default(), now);
            let taken = taken.map_err(|exceeded| Limited { by, exceeded })?;
            meter.cancel(taken, now);
        }
        Ok(())
    }

    /// When the call started, for the periods that it counts in: milliseconds since the Unix epoch.
    #[must_use]
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// Ends the call with what it really used.
    pub fn end(mut self, used: Used) {
        if let Some((from_account, from_key)) = self.taken.take() {
            let now = self.clock.now();
            self.account.lock().end(from_account, used, now);
            self.key.lock().end(from_key, used, now);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some((from_account, from_key)) = self.taken.take() {
            let now = self.clock.now();
            self.account.lock().cancel(from_account, now);
            self.key.lock().cancel(from_key, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    use domain::{Exceeded, Limit, Limits, Money, Period};

    use super::*;

    const NOW_MS: i64 = 1_769_860_800_000;

    fn clock() -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(NOW_MS)))
    }

    fn ask(tokens: u64) -> Ask {
        Ask { tokens, rate_tokens: tokens, spend: Money::ZERO }
    }

    #[test]
    fn what_the_key_refuses_leaves_the_account_as_it_was() {
        let (account, key) = (SharedMeter::default(), SharedMeter::default());
        let limit = Some(Limit::new(60, 3).unwrap());
        let limits = CallLimits {
            account: Limits { requests: limit, ..Limits::NONE },
            key: Limits { concurrent: Some(0), ..Limits::NONE },
        };
        let refused =
            Reservation::take(&account, &key, &limits, ask(1), clock().now(), &clock()).unwrap_err();
        assert_eq!((refused.by, refused.exceeded), (LimitedBy::Key, Exceeded::Concurrent { limit: 0 }));
        assert_eq!(account.standing(&limits.account, clock().now()).requests.unwrap().remaining, 3);
        assert_eq!((account.open_calls(), account.counts(NOW_MS)), (0, domain::PerPeriod::default()));
    }

    #[test]
    fn it_ends_once_and_dropped_it_was_never_there() {
        let (account, key) = (SharedMeter::default(), SharedMeter::default());
        let take = || {
            Reservation::take(&account, &key, &CallLimits::default(), ask(10), clock().now(), &clock())
                .unwrap()
        };
        let (ended, dropped) = (take(), take());
        assert_eq!((account.open_calls(), key.open_calls()), (2, 2));
        drop(dropped);
        ended.end(Used { tokens: 7, spend: Money::ZERO, counted: true });
        for meter in [&account, &key] {
            let counts = meter.counts(NOW_MS);
            assert_eq!(meter.open_calls(), 0);
            assert_eq!((counts[Period::Day].requests, counts[Period::Total].tokens), (1, 7));
        }
    }
}
