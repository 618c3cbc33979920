//! The meter against a model that keeps every call in a list and adds them up anew at each step.

mod stories;

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

/// Tokens and nano-dollars that open calls reserve in a period: what is missing of the largest quotas and is not used.
fn reserved(meter: &Meter, period: Period, wall_ms: i64) -> (u64, u64) {
    let mut limits = Limits::NONE;
    limits.quotas[period] = Quota { tokens: Some(u64::MAX), spend: Some(Money::MAX), ..Quota::NONE };
    let used = meter.count(period, wall_ms);
    let tokens = meter.tokens_left(&limits, wall_ms).expect("a quota is set");
    let spend = meter.spend_left(&limits, wall_ms).expect("a quota is set");
    (u64::MAX - tokens - used.tokens, nanos(Money::MAX) - nanos(spend) - nanos(used.spend))
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
                let ask = self.model.calls[call].ask;
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
                let count = self.meter.count(period, wall_ms);
                let (reserved_tokens, reserved_spend) = reserved(&self.meter, period, wall_ms);
                let shown = Sums {
                    requests: count.requests,
                    tokens: count.tokens,
                    spend: nanos(count.spend),
                    reserved_tokens,
                    reserved_spend,
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
            prop_assert_eq!(reserved(&self.meter, period, self.now.wall_ms), (0, 0));
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
                let (_, reserved) = reserved(&pair.meter, period, pair.now.wall_ms);
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
            if let Ok(taken) = meter.admit(&limits, Ask { tokens, rate_tokens: tokens, spend }, now) {
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
    let ask = (0..60_u64, 0..60_u64).prop_map(|(tokens, spend)| Ask {
        tokens,
        rate_tokens: tokens,
        spend: money(spend),
    });
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

/// The model's word for a refusal that is no rate's.
fn word(exceeded: Exceeded) -> &'static str {
    match exceeded {
        Exceeded::Requests { .. } | Exceeded::Tokens { .. } => "rate",
        Exceeded::Concurrent { .. } => "concurrent_calls",
        Exceeded::RequestQuota { .. } => "request_quota",
        Exceeded::TokenQuota { .. } => "token_quota",
        Exceeded::Spend { .. } => "spend_cap",
    }
}
