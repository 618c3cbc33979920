//! The meter against a model that keeps every call in a list and adds them up anew at each step.

use domain::meter::Count;
use domain::{Ask, Exceeded, Limit, Limits, Meter, Money, Now, PerPeriod, Period, Quota, Taken, Used};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2024-02-28, a Wednesday, at noon: the days after it cross a leap day, a month and a week.
const START_MS: i64 = 1_709_121_600_000;

/// One step in the life of a meter.
#[derive(Clone, Debug)]
enum Step {
    /// The wall clock moves, forward or back; the monotonic one moves by the size of it.
    Move(i64),
    /// Other limits hold from here on.
    Limits(Box<Limits>),
    Admit(Ask),
    /// The open call of this index, counted around, used so many thousandths of what it asked for.
    End(usize, u64, bool),
    Cancel(usize),
}

/// How one call of the model stands.
#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    Ended(Used),
}

/// One admitted call.
#[derive(Debug)]
struct Call {
    started_ms: i64,
    ask: Ask,
    state: State,
}

/// The lists.
#[derive(Debug, Default)]
struct Model {
    calls: Vec<Call>,
    /// The latest time at which a call was asked for: periods never go back behind it.
    seen_ms: i64,
}

/// What a period comes to in the model.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    requests: u64,
    tokens: u64,
    spend: u64,
    reserved_tokens: u64,
    reserved_spend: u64,
}

impl Model {
    fn sums(&self, period: Period, wall_ms: i64) -> Sums {
        let start_ms = period.start_of(self.seen_ms.max(wall_ms));
        let mut sums = Sums::default();
        for call in self.calls.iter().filter(|call| period.start_of(call.started_ms) == start_ms) {
            match call.state {
                State::Open => {
                    sums.requests += 1;
                    sums.reserved_tokens += call.ask.tokens;
                    sums.reserved_spend += nanos(call.ask.spend);
                }
                State::Ended(used) => {
                    sums.requests += u64::from(used.counted);
                    sums.tokens += used.tokens;
                    sums.spend += nanos(used.spend);
                }
            }
        }
        sums
    }

    fn open(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call.state, State::Open)).count()
    }

    /// The word for what stands in the way, leaving rates aside.
    fn refuses(&self, limits: &Limits, ask: Ask) -> Option<&'static str> {
        if limits.concurrent.is_some_and(|limit| self.open() >= limit as usize) {
            return Some("concurrent_calls");
        }
        for (period, quota) in limits.quotas.iter().rev() {
            let sums = self.sums(period, i64::MIN);
            if quota.requests.is_some_and(|limit| sums.requests + 1 > limit) {
                return Some("request_quota");
            }
            if quota.tokens.is_some_and(|limit| sums.tokens + sums.reserved_tokens + ask.tokens > limit) {
                return Some("token_quota");
            }
            // What is free is covered even where a cap was lowered to less than was spent.
            let spend = sums.spend + sums.reserved_spend + nanos(ask.spend);
            if !ask.spend.is_zero() && quota.spend.is_some_and(|cap| spend > nanos(cap)) {
                return Some("spend_cap");
            }
        }
        None
    }
}

/// The meter and the model side by side.
struct Pair {
    meter: Meter,
    model: Model,
    limits: Limits,
    now: Now,
    open: Vec<(usize, Taken)>,
}

impl Pair {
    fn new(limits: Limits) -> Pair {
        let now = Now { mono_ns: 0, wall_ms: START_MS };
        let model = Model { seen_ms: START_MS, ..Model::default() };
        Pair { meter: Meter::open(PerPeriod::default(), START_MS), model, limits, now, open: Vec::new() }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Move(ms) => {
                self.now.wall_ms += ms;
                self.now.mono_ns += ms.unsigned_abs() * 1_000_000;
            }
            Step::Limits(limits) => self.limits = *limits,
            Step::Admit(ask) => self.admit(ask)?,
            Step::End(index, thousandths, counted) if !self.open.is_empty() => {
                let (call, taken) = self.open.swap_remove(index % self.open.len());
                let ask = taken.ask();
                let charge = nanos(ask.spend) * thousandths.min(1000) / 1000;
                let used = Used { tokens: ask.tokens * thousandths / 1000, spend: money(charge), counted };
                self.model.calls[call].state = State::Ended(used);
                self.meter.end(taken, used, self.now);
            }
            Step::Cancel(index) if !self.open.is_empty() => {
                let (call, taken) = self.open.swap_remove(index % self.open.len());
                let used = Used { tokens: 0, spend: Money::ZERO, counted: false };
                self.model.calls[call].state = State::Ended(used);
                self.meter.cancel(taken, self.now);
            }
            Step::End(..) | Step::Cancel(_) => {}
        }
        self.check()
    }

    fn admit(&mut self, ask: Ask) -> Result<(), TestCaseError> {
        self.model.seen_ms = self.model.seen_ms.max(self.now.wall_ms);
        let refuses = self.model.refuses(&self.limits, ask);
        let covered =
            self.meter.spend_left(&self.limits, self.now.wall_ms).is_none_or(|left| ask.spend <= left);
        let short = self.meter.spend_short_of(&self.limits, ask.spend, self.now.wall_ms);
        prop_assert_eq!(short.is_none(), covered);
        if let Some(Exceeded::Spend { left, .. }) = short {
            prop_assert_eq!(Some(left), self.meter.spend_left(&self.limits, self.now.wall_ms));
        }
        let before = self.meter.standing(&self.limits, self.now);
        match self.meter.admit(&self.limits, ask, self.now) {
            Ok(taken) => {
                prop_assert_eq!(refuses, None);
                prop_assert!(covered, "more was reserved than was said to be left");
                self.open.push((self.model.calls.len(), taken));
                let started_ms = self.model.seen_ms;
                self.model.calls.push(Call { started_ms, ask, state: State::Open });
            }
            Err(exceeded @ (Exceeded::Requests { .. } | Exceeded::Tokens { .. })) => {
                prop_assert!(refuses != Some("concurrent_calls"));
                self.waits(exceeded)?;
            }
            Err(exceeded) => {
                prop_assert_eq!(Some(word(exceeded)), refuses);
                prop_assert_eq!(self.meter.standing(&self.limits, self.now), before, "takes all or nothing");
                self.frees(exceeded)?;
            }
        }
        Ok(())
    }

    /// A rate that was named is set, and what it named shows in the standing.
    fn waits(&self, exceeded: Exceeded) -> Result<(), TestCaseError> {
        let standing = self.meter.standing(&self.limits, self.now);
        let (limit, retry_after_ns, window) = match exceeded {
            Exceeded::Requests { limit, retry_after_ns } => (limit, retry_after_ns, standing.requests),
            Exceeded::Tokens { limit, retry_after_ns } => (limit, retry_after_ns, standing.tokens),
            _ => return Ok(()),
        };
        let window = window.expect("only a limit that is set refuses");
        prop_assert_eq!(window.limit, limit);
        prop_assert!(window.remaining < limit.burst());
        prop_assert!(retry_after_ns > 0 && retry_after_ns <= window.reset_ns);
        Ok(())
    }

    /// A quota frees when the period that it named is over, as the meter knows the time.
    fn frees(&self, exceeded: Exceeded) -> Result<(), TestCaseError> {
        let (Exceeded::RequestQuota { period, frees_at_ms, .. }
        | Exceeded::TokenQuota { period, frees_at_ms, .. }
        | Exceeded::Spend { period, frees_at_ms, .. }) = exceeded
        else {
            return Ok(());
        };
        prop_assert_eq!(frees_at_ms, period.end_of(self.model.seen_ms));
        Ok(())
    }

    /// Counts are exact in every period, for now and for any later time.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.meter.open_calls() as usize, self.model.open());
        for wall_ms in [self.now.wall_ms, self.now.wall_ms + 2 * DAY_MS, i64::MIN] {
            for period in Period::ALL {
                let (count, reserved) =
                    (self.meter.count(period, wall_ms), self.meter.reserved(period, wall_ms));
                let shown = Sums {
                    requests: count.requests,
                    tokens: count.tokens,
                    spend: nanos(count.spend),
                    reserved_tokens: reserved.tokens,
                    reserved_spend: nanos(reserved.spend),
                };
                prop_assert_eq!(shown, self.model.sums(period, wall_ms));
            }
        }
        Ok(())
    }

    fn end_all(&mut self) -> Result<(), TestCaseError> {
        while !self.open.is_empty() {
            self.step(Step::End(0, 1000, true))?;
        }
        prop_assert_eq!(self.meter.open_calls(), 0);
        for period in Period::ALL {
            prop_assert_eq!(self.meter.reserved(period, self.now.wall_ms), Ask::default());
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_meter_agrees_with_the_lists(limits in limits(), steps in vec(steps(), 1..80)) {
        let mut pair = Pair::new(limits);
        for step in steps {
            pair.step(step)?;
        }
        pair.end_all()?;
    }

    #[test]
    fn money_is_never_over_its_cap(
        caps in [option::of(0..200_u64), option::of(0..200_u64), option::of(0..200_u64), option::of(0..200_u64)],
        steps in vec(steps(), 1..80),
    ) {
        let quotas = PerPeriod::new(caps.map(|cap| Quota { spend: cap.map(money), ..Quota::NONE }));
        let limits = Limits { quotas, ..Limits::NONE };
        let mut pair = Pair::new(limits);
        for step in steps {
            if !matches!(step, Step::Limits(_)) {
                pair.step(step)?;
            }
            for (period, cap) in Period::ALL.into_iter().zip(caps) {
                let spend = nanos(pair.meter.count(period, pair.now.wall_ms).spend);
                let reserved = nanos(pair.meter.reserved(period, pair.now.wall_ms).spend);
                prop_assert!(cap.is_none_or(|cap| spend + reserved <= cap), "{period:?}: {spend} + {reserved}");
            }
            let left = pair.meter.spend_left(&limits, pair.now.wall_ms);
            prop_assert_eq!(left.is_none(), caps.iter().all(Option::is_none));
        }
    }

    #[test]
    fn no_numbers_and_no_clock_break_it(
        asks in vec((any::<u64>(), 0..=i64::MAX, any::<u64>(), any::<i64>()), 1..20),
    ) {
        let mut meter = Meter::default();
        let mut open = Vec::new();
        for (tokens, spend, mono_ns, wall_ms) in asks {
            let spend = Money::from_nanos(spend).expect("positive");
            let now = Now { mono_ns, wall_ms };
            let limits = Limits { tokens: Limit::new(1, 1).ok(), ..Limits::NONE };
            if let Ok(taken) = meter.admit(&limits, Ask { tokens, spend }, now) {
                open.push((taken, Used { tokens: u64::MAX, spend: Money::MAX, counted: false }));
            }
            if open.len() > 2 {
                let (taken, used) = open.remove(0);
                meter.end(taken, used, now);
            }
        }
        for (taken, used) in open {
            meter.end(taken, used, Now::default());
        }
        prop_assert_eq!(meter.open_calls(), 0);
    }
}

#[test]
fn a_meter_is_small() {
    assert!(size_of::<Meter>() <= 512, "{} bytes", size_of::<Meter>());
}

#[test]
fn a_call_counts_in_the_periods_in_which_it_started() {
    let limits = spend_of(Period::Day, 100);
    let mut meter = Meter::open(PerPeriod::default(), START_MS);
    let ask = Ask { tokens: 10, spend: money(60) };
    let before = Now { mono_ns: 0, wall_ms: START_MS + 12 * HOUR_MS - 1 };
    let after = Now { mono_ns: 1_000_000, wall_ms: before.wall_ms + 1 };

    let overnight = meter.admit(&limits, ask, before).expect("under the cap");
    let refused = meter.admit(&limits, ask, before).expect_err("the rest is reserved");
    assert_eq!(
        refused,
        Exceeded::Spend {
            period: Period::Day,
            cap: money(100),
            left: money(40),
            needed: money(60),
            frees_at_ms: Some(after.wall_ms),
        }
    );
    assert_eq!(meter.spend_left(&limits, after.wall_ms), Some(money(100)), "the new day is free");
    let today = meter.admit(&limits, ask, after).expect("a new day");
    meter.end(overnight, Used { tokens: 7, spend: money(50), counted: true }, after);
    assert_eq!(meter.count(Period::Day, after.wall_ms), Count { requests: 1, tokens: 0, spend: Money::ZERO });
    assert_eq!(meter.count(Period::Month, after.wall_ms), Count { requests: 2, tokens: 7, spend: money(50) });

    meter.end(today, Used { tokens: 3, spend: money(20), counted: false }, after);
    assert_eq!(meter.count(Period::Day, after.wall_ms), Count { requests: 0, tokens: 3, spend: money(20) });
    assert_eq!(
        meter.count(Period::Total, after.wall_ms),
        Count { requests: 1, tokens: 10, spend: money(70) }
    );
}

#[test]
fn a_clock_that_steps_back_opens_no_quota_twice() {
    let limits = spend_of(Period::Day, 100);
    let mut meter = Meter::open(PerPeriod::default(), START_MS);
    let ask = Ask { tokens: 0, spend: money(100) };
    for wall_ms in [START_MS, START_MS + DAY_MS] {
        let taken = meter.admit(&limits, ask, Now { mono_ns: 0, wall_ms }).expect("a new day");
        meter.end(taken, Used { tokens: 0, spend: money(100), counted: true }, Now::default());
    }
    for wall_ms in [START_MS, START_MS + DAY_MS, i64::MIN] {
        assert_eq!(meter.spend_left(&limits, wall_ms), Some(Money::ZERO));
        assert!(meter.admit(&limits, ask, Now { mono_ns: 0, wall_ms }).is_err());
    }
}

#[test]
fn a_meter_opens_with_what_the_store_counted() {
    let counts = PerPeriod::from_fn(|period| Count {
        requests: period as u64 + 1,
        tokens: 10 * (period as u64 + 1),
        spend: money(100 * (period as u64 + 1)),
    });
    let meter = Meter::open(counts, START_MS);
    for period in Period::ALL {
        assert_eq!(meter.count(period, START_MS), counts[period]);
    }
    let next_week = START_MS + 7 * DAY_MS;
    assert_eq!(meter.count(Period::Month, next_week), Count::default(), "March");
    assert_eq!(meter.count(Period::Total, next_week), counts[Period::Total]);
    assert_eq!(meter.spend_left(&spend_of(Period::Week, 250), START_MS), Some(money(50)));
    assert_eq!(meter.spend_left(&Limits::NONE, START_MS), None);
}

#[test]
fn of_several_limits_the_longest_wait_is_named() {
    let quotas = PerPeriod::from_fn(|_| Quota { requests: Some(0), ..Quota::NONE });
    let mut limits = Limits { quotas, concurrent: Some(0), ..Limits::NONE };
    let mut meter = Meter::default();
    let now = Now { mono_ns: 0, wall_ms: START_MS };
    let refused = |meter: &mut Meter, limits: &Limits| {
        meter.admit(limits, Ask::default(), now).expect_err("nothing is allowed")
    };
    assert_eq!(refused(&mut meter, &limits), Exceeded::Concurrent { limit: 0 });
    limits.concurrent = None;
    for period in Period::ALL.into_iter().rev() {
        let frees_at_ms = period.end_of(START_MS);
        assert_eq!(
            refused(&mut meter, &limits),
            Exceeded::RequestQuota { period, limit: 0, used: 0, frees_at_ms }
        );
        limits.quotas[period] = Quota::NONE;
    }
}

#[test]
fn an_admission_that_is_cancelled_leaves_no_trace() {
    let limits = Limits {
        requests: Limit::new(60, 5).ok(),
        tokens: Limit::new(60, 100).ok(),
        concurrent: Some(1),
        ..spend_of(Period::Total, 10)
    };
    let mut meter = Meter::default();
    let now = Now { mono_ns: 5, wall_ms: START_MS };
    let fresh = meter.standing(&limits, now);
    let taken = meter.admit(&limits, Ask { tokens: 40, spend: money(10) }, now).expect("free");
    let rates = meter.standing(&limits, now);
    let remaining = [rates.requests, rates.tokens].map(|window| window.expect("limited").remaining);
    assert_eq!(remaining, [4, 60]);
    assert_eq!(rates.tokens.expect("limited").reset_ns, 40_000_000_000);

    meter.cancel(taken, now);
    assert_eq!(meter.standing(&limits, now), fresh);
    assert_eq!(meter.count(Period::Total, START_MS), Count::default());
    assert_eq!((meter.open_calls(), meter.spend_left(&limits, START_MS)), (0, Some(money(10))));
}

#[test]
fn a_call_is_trued_up_under_the_limit_that_admitted_it() {
    let limited = Limits { tokens: Limit::new(60, 100).ok(), ..Limits::NONE };
    let mut meter = Meter::default();
    let now = Now { mono_ns: 0, wall_ms: START_MS };
    let ask = Ask { tokens: 40, spend: Money::ZERO };
    let limited_call = meter.admit(&limited, ask, now).expect("a full burst");
    let free_call = meter.admit(&Limits::NONE, ask, now).expect("no limit");
    meter.end(free_call, Used { tokens: 90, spend: Money::ZERO, counted: true }, now);
    assert_eq!(meter.standing(&limited, now).tokens.expect("limited").remaining, 60);
    meter.end(limited_call, Used { tokens: 15, spend: Money::ZERO, counted: true }, now);
    assert_eq!(meter.standing(&limited, now).tokens.expect("limited").remaining, 85);
}

fn spend_of(period: Period, cap: u64) -> Limits {
    let mut limits = Limits::NONE;
    limits.quotas[period].spend = Some(money(cap));
    limits
}

fn money(nanos: u64) -> Money {
    Money::saturating_from(u128::from(nanos))
}

fn nanos(money: Money) -> u64 {
    money.nanos().unsigned_abs()
}

fn steps() -> impl Strategy<Value = Step> {
    let distance = prop_oneof![
        4 => -HOUR_MS..10 * HOUR_MS,
        1 => Just(DAY_MS),
        1 => -3 * DAY_MS..40 * DAY_MS,
        1 => Just(0),
    ];
    let ask = (0..60_u64, 0..60_u64).prop_map(|(tokens, spend)| Ask { tokens, spend: money(spend) });
    prop_oneof![
        3 => distance.prop_map(Step::Move),
        1 => limits().prop_map(|limits| Step::Limits(Box::new(limits))),
        6 => ask.prop_map(Step::Admit),
        4 => (any::<usize>(), 0..1500_u64, any::<bool>()).prop_map(|(i, used, counted)| Step::End(i, used, counted)),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let rate = || {
        option::weighted(0.2, (1..100_u64, 1..100_u64).prop_map(|(r, b)| Limit::new(r, b).expect("positive")))
    };
    let quota = || {
        let number = |most: u64| option::weighted(0.3, 0..most);
        (number(8), number(300), number(300)).prop_map(|(requests, tokens, spend)| Quota {
            requests,
            tokens,
            spend: spend.map(money),
        })
    };
    let quotas = [quota(), quota(), quota(), quota()].prop_map(PerPeriod::new);
    (rate(), rate(), option::weighted(0.3, 0..5_u32), quotas)
        .prop_map(|(requests, tokens, concurrent, quotas)| Limits { requests, tokens, concurrent, quotas })
}

/// The model's word for what is in the way.
fn word(exceeded: Exceeded) -> &'static str {
    match exceeded {
        Exceeded::Requests { .. } | Exceeded::Tokens { .. } => "rate",
        Exceeded::Concurrent { .. } => "concurrent_calls",
        Exceeded::RequestQuota { .. } => "request_quota",
        Exceeded::TokenQuota { .. } => "token_quota",
        Exceeded::Spend { .. } => "spend_cap",
    }
}
