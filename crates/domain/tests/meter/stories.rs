//! What a meter does in the cases that people ask about.

use domain::meter::Count;
use domain::{Ask, Exceeded, Limit, Limits, Meter, Money, Now, PerPeriod, Period, Quota, Used};

use super::{DAY_MS, HOUR_MS, START_MS, money, spend_of};

#[test]
fn a_meter_is_small() {
    assert!(size_of::<Meter>() <= 512, "{} bytes", size_of::<Meter>());
}

#[test]
fn a_call_counts_in_the_periods_in_which_it_started() {
    let limits = spend_of(Period::Day, 100);
    let mut meter = Meter::open(PerPeriod::default(), START_MS);
    let ask = Ask { tokens: 10, rate_tokens: 10, spend: money(60) };
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
    let ask = Ask { tokens: 0, rate_tokens: 0, spend: money(100) };
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
    let taken =
        meter.admit(&limits, Ask { tokens: 40, rate_tokens: 40, spend: money(10) }, now).expect("free");
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
    let ask = Ask { tokens: 40, rate_tokens: 40, spend: Money::ZERO };
    let limited_call = meter.admit(&limited, ask, now).expect("a full burst");
    let free_call = meter.admit(&Limits::NONE, ask, now).expect("no limit");
    meter.end(free_call, Used { tokens: 90, spend: Money::ZERO, counted: true }, now);
    assert_eq!(meter.standing(&limited, now).tokens.expect("limited").remaining, 60);
    meter.end(limited_call, Used { tokens: 15, spend: Money::ZERO, counted: true }, now);
    assert_eq!(meter.standing(&limited, now).tokens.expect("limited").remaining, 85);
}

#[test]
fn after_a_plan_became_stricter_the_wait_that_is_told_is_the_whole_wait() {
    let of_rate = |rate| Limits { tokens: Limit::new(rate, rate).ok(), ..Limits::NONE };
    let mut meter = Meter::default();
    let ask = |tokens| Ask { tokens, rate_tokens: tokens, spend: Money::ZERO };
    let at = |mono_ns| Now { mono_ns, wall_ms: START_MS };
    let taken = meter.admit(&of_rate(1_000_000), ask(1_000_000), at(0)).expect("a full burst");
    meter.end(taken, Used { tokens: 1_000_000, spend: Money::ZERO, counted: true }, at(0));
    let refused = meter.admit(&of_rate(60), ask(60), at(0)).expect_err("far over the new limit");
    let Exceeded::Tokens { retry_after_ns, .. } = refused else { panic!("{refused:?}") };
    let taken = meter.admit(&of_rate(60), ask(60), at(retry_after_ns)).expect("it was told to wait so long");
    meter.cancel(taken, at(retry_after_ns));
}
