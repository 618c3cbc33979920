//! Rate limits: the bucket over any schedule of takes and true-ups, and the rules of sets of limits.

use domain::limit::{DEBT_MINUTES_MAX, Draw, LIMIT_MAX};
use domain::{Bucket, Limit, LimitName, Limits, Money, PerPeriod, Period, Quota};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

const MINUTE_NS: u64 = 60_000_000_000;

/// One step in the life of a bucket.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes: thousandths of what one request or token takes to drain.
    Pass(u64),
    /// Another thread comes with a reading of the clock that is this much older, in nanoseconds.
    Late(u64),
    Take(u64),
    /// The take of this index, counted around, turns out to have used this much.
    Adjust(usize, u64),
    /// From now on, this is the limit.
    Change(Limit),
}

/// A take, or an attempt at one: when it was made under which limit, how much it took, and how much of that counts.
struct Share {
    at_ns: u64,
    limit: Limit,
    amount: u64,
    counts: u64,
}

/// A bucket with all that was ever taken from it.
struct History {
    limit: Limit,
    bucket: Bucket,
    now_ns: u64,
    shares: Vec<Share>,
    open: Vec<(usize, Draw)>,
}

impl History {
    fn new(limit: Limit, start_ns: u64) -> History {
        History { limit, bucket: Bucket::default(), now_ns: start_ns, shares: Vec::new(), open: Vec::new() }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Pass(thousandths) => {
                let ns = u128::from(thousandths) * u128::from(MINUTE_NS) / 1000;
                self.now_ns += narrow(ns / u128::from(self.limit.per_minute()));
            }
            Step::Late(ns) => {
                let earlier = self.now_ns.saturating_sub(ns);
                let [then, now] = [earlier, self.now_ns].map(|at| self.bucket.remaining(self.limit, at));
                prop_assert!(then <= now, "an older time shows more room: {then} > {now}");
            }
            Step::Take(cost) => self.take(cost)?,
            Step::Adjust(index, used) if !self.open.is_empty() => {
                let (share, draw) = self.open.swap_remove(index % self.open.len());
                let share = &mut self.shares[share];
                share.counts = share.amount.min(used);
                self.bucket.adjust(share.limit, draw, used, self.now_ns);
            }
            Step::Adjust(..) => {}
            Step::Change(limit) => self.limit = limit,
        }
        Ok(())
    }

    fn take(&mut self, cost: u64) -> Result<(), TestCaseError> {
        let remaining = self.bucket.remaining(self.limit, self.now_ns);
        let full_after_ns = self.bucket.full_after_ns(self.limit, self.now_ns);
        let amount = cost.min(self.limit.burst());
        if full_after_ns >= longest_ns(self.limit) {
            // What a looser limit let in beyond the largest debt of this one is let go of, so no window holds across.
            self.shares.iter_mut().for_each(|share| share.counts = 0);
        }
        let share = |counts| Share { at_ns: self.now_ns, limit: self.limit, amount, counts };
        match self.bucket.take(self.limit, cost, self.now_ns) {
            Ok(draw) => {
                prop_assert!(remaining >= amount, "took more than was shown to remain");
                self.open.push((self.shares.len(), draw));
                self.shares.push(share(amount));
                self.check_windows()
            }
            Err(wait) => {
                // In debt, even nothing has to wait.
                prop_assert!(remaining < amount.max(1), "refused what was shown to remain");
                prop_assert!(wait.retry_after_ns > 0 && wait.retry_after_ns <= full_after_ns);
                self.shares.push(share(0));
                Ok(())
            }
        }
    }

    /// In every window that ends now, what was admitted is at most rate × window + burst, where the rate between two
    /// takes is the faster one of their limits.
    fn check_windows(&self) -> Result<(), TestCaseError> {
        let (mut admitted, mut refilled) = (0, 0);
        let (mut until_ns, mut then) = (self.now_ns, self.limit);
        for share in self.shares.iter().rev() {
            admitted += u128::from(share.counts) * u128::from(MINUTE_NS);
            let rate = then.per_minute().max(share.limit.per_minute());
            refilled += u128::from(rate) * u128::from(until_ns - share.at_ns);
            (until_ns, then) = (share.at_ns, share.limit);
            let burst = u128::from(self.limit.burst()) * u128::from(MINUTE_NS);
            prop_assert!(admitted <= refilled + burst, "{admitted} > {refilled} + {burst}");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_window_admits_more_than_rate_times_window_and_burst(
        limit in limits(),
        start_ns in start(),
        steps in vec(prop_oneof![15 => steps(300), 1 => limits().prop_map(Step::Change)], 1..120),
    ) {
        let mut history = History::new(limit, start_ns);
        for step in steps {
            history.step(step)?;
        }
    }

    #[test]
    fn a_quiet_bucket_gets_its_full_burst_back(
        limit in limits(),
        start_ns in start(),
        steps in vec(steps(0), 1..60),
    ) {
        let mut history = History::new(limit, start_ns);
        for step in steps {
            history.step(step)?;
        }
        let refill = (u128::from(limit.burst()) * u128::from(MINUTE_NS)).div_ceil(u128::from(limit.per_minute()));
        let later = history.now_ns.saturating_add(narrow(refill));
        prop_assert_eq!(history.bucket.remaining(limit, later), limit.burst());
        prop_assert_eq!(history.bucket.full_after_ns(limit, later), 0);
        prop_assert!(history.bucket.take(limit, limit.burst(), later).is_ok());
    }

    #[test]
    fn after_the_wait_that_was_named_the_same_take_succeeds(
        phases in vec((limits(), vec(steps(u64::MAX), 1..20)), 1..4),
        start_ns in start(),
        cost in 0..400_u64,
    ) {
        let mut history = History::new(phases[0].0, start_ns);
        for (limit, steps) in phases {
            history.limit = limit;
            for step in steps {
                history.step(step)?;
            }
            let Err(wait) = history.bucket.take(limit, cost, history.now_ns) else { continue };
            prop_assert!(wait.retry_after_ns <= longest_ns(limit));

            let in_time = history.now_ns + wait.retry_after_ns;
            let mut too_early = history.bucket;
            prop_assert!(too_early.take(limit, cost, in_time - 1).is_err(), "it waits no longer than it must");
            prop_assert!(history.bucket.take(limit, cost, in_time).is_ok());
            history.now_ns = in_time;
        }
    }

    #[test]
    fn the_stricter_of_two_is_within_both(one in sets(), other in sets()) {
        let both = one.tightened_by(&other);
        prop_assert_eq!(both.is_within(&one), Ok(()));
        prop_assert_eq!(both.is_within(&other), Ok(()));
        prop_assert_eq!(both, other.tightened_by(&one));
        // It is the loosest such set: nothing is tightened without need.
        prop_assert_eq!(one.is_within(&other).is_ok(), both == one);
    }
}

#[test]
fn calls_that_wait_with_large_estimates_save_up_no_second_burst() {
    let limit = Limit::new(60, 100).expect("within the bounds");
    let mut bucket = Bucket::default();
    let waiting = bucket.take(limit, 100, 0).expect("full");
    // After 50 seconds, half of it has made room for another.
    let at_ns = 50_000_000_000;
    assert!(bucket.take(limit, 50, at_ns).is_ok());
    bucket.adjust(limit, waiting, 0, at_ns);
    assert_eq!(bucket.remaining(limit, at_ns), 50);
}

#[test]
fn a_share_that_moved_up_in_the_queue_is_not_given_back_twice() {
    let limit = Limit::new(60, 300).expect("within the bounds");
    let mut bucket = Bucket::default();
    let first = bucket.take(limit, 100, 0).expect("full");
    let second = bucket.take(limit, 100, 0).expect("a hundred are left after it");
    bucket.adjust(limit, first, 0, 50_000_000_000);
    assert!(bucket.take(limit, 150, 50_000_000_000).is_ok());
    // The second share stood at the front for 50 seconds, so only half of it is left.
    bucket.adjust(limit, second, 0, 100_000_000_000);
    assert_eq!(bucket.remaining(limit, 100_000_000_000), 150);
}

#[test]
fn what_is_used_beyond_the_estimate_is_a_debt_that_drains() {
    let limit = Limit::new(60, 100).expect("within the bounds");
    let mut bucket = Bucket::default();
    let draw = bucket.take(limit, 10, 0).expect("full");
    bucket.adjust(limit, draw, 160, 0);
    assert_eq!(bucket.remaining(limit, 0), 0);
    let refused = bucket.take(limit, 1, 0).expect_err("sixty in debt");
    assert_eq!(refused.retry_after_ns, 61_000_000_000);

    let draw = bucket.take(limit, 1, 61_000_000_000).expect("drained");
    bucket.adjust(limit, draw, u64::MAX, 61_000_000_000);
    let hours = (MINUTE_NS * DEBT_MINUTES_MAX) + 100_000_000_000;
    assert_eq!(
        bucket.full_after_ns(limit, 61_000_000_000),
        hours,
        "no number blocks for longer than an hour"
    );
}

#[test]
fn a_call_that_ends_after_an_upgrade_gives_nobody_elses_tokens_back() {
    let [before, after] = [10, 10_000].map(|rate| Limit::new(rate, rate).expect("within the bounds"));
    for (used, remaining) in [(0, 10), (10, 0), (u64::MAX, 0)] {
        let mut bucket = Bucket::default();
        let old = bucket.take(before, 10, 0).expect("full");
        assert!(bucket.take(after, 9_990, 0).is_ok());
        bucket.adjust(before, old, used, 0);
        assert_eq!(bucket.remaining(after, 0), remaining, "used {used}");
    }
}

#[test]
fn a_call_that_ends_after_a_downgrade_lets_no_debt_drain_at_the_old_rate() {
    let [before, after] = [1_000_000, 60].map(|rate| Limit::new(rate, rate).expect("within the bounds"));
    let mut bucket = Bucket::default();
    let old = bucket.take(before, 10, 0).expect("full");
    let new = bucket.take(after, 50, 0).expect("as much as is left");
    // Fifty minutes of debt.
    bucket.adjust(after, new, 3_050, 0);
    bucket.adjust(before, old, 10, MINUTE_NS);
    assert_eq!(bucket.full_after_ns(after, MINUTE_NS), 50 * MINUTE_NS);
}

#[test]
fn a_cost_above_the_burst_counts_as_the_burst() {
    let limit = Limit::new(60, 100).expect("within the bounds");
    let mut bucket = Bucket::default();
    assert!(bucket.take(limit, u64::MAX, 0).is_ok());
    assert_eq!(bucket.take(limit, u64::MAX, 0).expect_err("empty").retry_after_ns, 100_000_000_000);
    assert!(bucket.take(limit, 0, 0).is_ok(), "nothing is always there");
}

#[test]
fn the_numbers_of_a_limit_are_bounded() {
    for (per_minute, burst, valid) in [
        (1, 1, true),
        (LIMIT_MAX, LIMIT_MAX, true),
        (0, 1, false),
        (1, 0, false),
        (LIMIT_MAX + 1, 1, false),
        (1, LIMIT_MAX + 1, false),
        (u64::MAX, u64::MAX, false),
    ] {
        assert_eq!(Limit::new(per_minute, burst).is_ok(), valid, "{per_minute} {burst}");
    }
}

#[test]
fn the_looser_limit_is_named() {
    let bound = Limits {
        requests: Limit::new(60, 10).ok(),
        tokens: Limit::new(1000, 1000).ok(),
        concurrent: Some(5),
        quotas: PerPeriod::from_fn(|_| Quota {
            requests: Some(10),
            tokens: Some(10),
            spend: Money::from_nanos(10),
        }),
    };
    assert_eq!(bound.is_within(&bound), Ok(()));
    assert_eq!(bound.is_within(&Limits::NONE), Ok(()));
    assert_eq!(Limits::NONE.is_within(&bound), Err(LimitName::Requests));

    type Loosen = fn(&mut Limits);
    let cases: [(Loosen, &str); 9] = [
        (|limits| limits.requests = Limit::new(61, 10).ok(), "requests"),
        (|limits| limits.requests = Limit::new(60, 11).ok(), "requests"),
        (|limits| limits.tokens = None, "tokens"),
        (|limits| limits.concurrent = Some(6), "concurrent"),
        (|limits| limits.concurrent = None, "concurrent"),
        (|limits| limits.quotas[Period::Day].requests = Some(11), "quotas.day.requests"),
        (|limits| limits.quotas[Period::Week].tokens = None, "quotas.week.tokens"),
        (|limits| limits.quotas[Period::Month].spend = Money::from_nanos(11), "quotas.month.spend"),
        (|limits| limits.quotas[Period::Total].spend = None, "quotas.total.spend"),
    ];
    for (loosen, name) in cases {
        let mut limits = bound;
        loosen(&mut limits);
        assert_eq!(limits.is_within(&bound).map_err(|looser| looser.to_string()), Err(name.to_owned()));
    }
}

/// How long the burst and the largest debt take to drain, rounded up.
fn longest_ns(limit: Limit) -> u64 {
    let burst = u128::from(MINUTE_NS) * u128::from(limit.burst());
    narrow(burst.div_ceil(u128::from(limit.per_minute()))) + MINUTE_NS * DEBT_MINUTES_MAX
}

fn narrow(ns: u128) -> u64 {
    u64::try_from(ns).expect("a time within the test's bounds")
}

fn start() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..MINUTE_NS]
}

/// Slow and fast ones, with rates that do not divide a minute.
fn limits() -> impl Strategy<Value = Limit> {
    let rate = prop_oneof![1..100_u64, Just(60), Just(7919), Just(999_999_937), Just(LIMIT_MAX)];
    (rate, 1..300_u64).prop_map(|(rate, burst)| Limit::new(rate, burst).expect("within the bounds"))
}

/// Steps in which a call uses at most `over` more than any estimate.
fn steps(over: u64) -> impl Strategy<Value = Step> {
    let used = if over == 0 { Just(0).boxed() } else { prop_oneof![4 => 0..300_u64, 1 => 0..=over].boxed() };
    prop_oneof![
        3 => (0..60_000_u64).prop_map(Step::Pass),
        1 => (0..2 * MINUTE_NS).prop_map(Step::Late),
        4 => prop_oneof![8 => 0..120_u64, 1 => any::<u64>()].prop_map(Step::Take),
        3 => (any::<usize>(), used).prop_map(|(index, used)| Step::Adjust(index, used)),
    ]
}

fn sets() -> impl Strategy<Value = Limits> {
    let number = || option::of(0..4_u64);
    let quota = (
        number(),
        number(),
        option::of((0..4_i64).prop_map(|nanos| Money::from_nanos(nanos).expect("positive"))),
    )
        .prop_map(|(requests, tokens, spend)| Quota { requests, tokens, spend });
    let limit = || {
        option::of((1..4_u64, 1..4_u64).prop_map(|(rate, burst)| Limit::new(rate, burst).expect("positive")))
    };
    (limit(), limit(), option::of(0..4_u32), [quota.clone(), quota.clone(), quota.clone(), quota]).prop_map(
        |(requests, tokens, concurrent, quotas)| Limits {
            requests,
            tokens,
            concurrent,
            quotas: PerPeriod::new(quotas),
        },
    )
}
