//! Series against a naive sum over every call: bucket by bucket and group by group, whatever is rolled up by then.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::calendar::DAY_MS;
use domain::{AccountId, Outcome, Period, Receipt};
use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;

use super::questions::{CALLS, HOUR_MS, History, START_MS, matches, model_of, questions};
use super::treasury::{ADA, BOB};
use super::{money, receipt};

use crate::ledger::LedgerError;
use crate::ledger::usage::{Calls, GroupBy, Interval, SeriesQuery, Sums};

const INTERVALS: [Interval; 3] = [Interval::Hour, Interval::Day, Interval::Month];
const GROUPINGS: [GroupBy; 4] = [GroupBy::None, GroupBy::Key, GroupBy::Model, GroupBy::Provider];

/// The points that a naive reader adds up, call by call, in order of time and group.
fn naive_series(
    calls: &[Receipt],
    asked: &Calls,
    interval: Interval,
    by: GroupBy,
) -> Vec<(i64, String, Sums)> {
    let (first, last) = (asked.from_ms, asked.to_ms.map(|to_ms| to_ms.saturating_sub(1)));
    let whenever = Calls { from_ms: None, to_ms: None, ..asked.clone() };
    let mut points: BTreeMap<(i64, String), Sums> = BTreeMap::new();
    for call in calls.iter().filter(|call| matches(call, &whenever)) {
        let start_ms = start_of(interval, call.started_at_ms);
        let before = first.is_some_and(|first| start_ms < start_of(interval, first));
        if before || last.is_some_and(|last| start_ms > last) {
            continue;
        }
        let sums = points.entry((start_ms, group_of(call, by))).or_default();
        sums.requests += 1;
        sums.errors += u64::from(!matches!(call.outcome, Outcome::Complete | Outcome::ClientGone));
        sums.usage.input += call.usage.input;
        sums.usage.cached_input += call.usage.cached_input;
        sums.usage.output += call.usage.output;
        sums.usage.reasoning += call.usage.reasoning;
        sums.charge = money(sums.charge.nanos() + 5);
        sums.first_token.record(call.first_token_us.unwrap());
        let speed = call.output_milli_tokens_per_second().filter(|_| call.usage.output > 0);
        speed.into_iter().for_each(|speed| sums.speed.record(speed));
    }
    points.into_iter().map(|((start_ms, group), sums)| (start_ms, group, sums)).collect()
}

/// When the interval starts in which that time lies.
fn start_of(interval: Interval, at_ms: i64) -> i64 {
    match interval {
        Interval::Hour => at_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS),
        Interval::Day => at_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS),
        Interval::Month => Period::Month.start_of(at_ms),
    }
}

fn group_of(call: &Receipt, by: GroupBy) -> String {
    match by {
        GroupBy::None => String::new(),
        GroupBy::Key => call.key.to_string(),
        GroupBy::Model => model_of(call).unwrap_or_default(),
        GroupBy::Provider => call.provider.as_deref().unwrap_or_default().to_owned(),
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(16))]

    #[test]
    fn series_are_the_sums_of_their_calls(
        rolled in 0..CALLS as usize,
        asked in proptest::collection::vec((questions(), select(INTERVALS.to_vec()), select(GROUPINGS.to_vec())), 20),
    ) {
        let mut history = History::new(rolled);
        for (calls, interval, group_by) in asked {
            let calls = Calls { session: None, label: None, ..calls };
            let points = history.reader.series(&SeriesQuery { calls: calls.clone(), interval, group_by }).unwrap();
            let found: Vec<_> = points.into_iter().map(|point| (point.start_ms, point.group, point.sums)).collect();
            prop_assert_eq!(found, naive_series(&history.calls, &calls, interval, group_by), "{:?} {:?}", calls, interval);
        }
    }
}

#[test]
fn quantiles_are_within_the_error_of_the_histogram() {
    let mut history = History::new(200);
    let calls = Calls { account: Some(ADA), ..Calls::default() };
    let query = SeriesQuery { calls: calls.clone(), interval: Interval::Month, group_by: GroupBy::None };
    let mut sums = Sums::default();
    history.reader.series(&query).unwrap().iter().for_each(|point| sums.add(&point.sums));
    let found = history.calls.iter().filter(|call| matches(call, &calls));
    let mut exact: Vec<_> = found.filter_map(|call| call.first_token_us).collect();
    exact.sort_unstable();
    for permille in [500, 900, 990] {
        let rank = (exact.len() * permille as usize).div_ceil(1_000).max(1);
        let (is, says) = (exact[rank - 1], sums.first_token.quantile(permille).unwrap());
        assert!(is.abs_diff(says) <= is / 32 + 1, "p{permille}: {says} instead of {is}");
    }
}

#[test]
fn a_series_of_too_many_points_is_refused() {
    let mut history = History::new(0);
    let hours = |hour: u128| Receipt {
        started_at_ms: START_MS + i64::try_from(hour).unwrap() * HOUR_MS,
        ..receipt(ADA, 10_000 + hour, 0)
    };
    let calls: Vec<_> = (0..10_001).map(hours).collect();
    history.settle(&calls);
    let series = |history: &mut History, account: AccountId| {
        let calls = Calls { account: Some(account), ..Calls::default() };
        history.reader.series(&SeriesQuery { calls, interval: Interval::Hour, group_by: GroupBy::None })
    };
    assert!(matches!(series(&mut history, ADA), Err(LedgerError::TooManyPoints(10_000))));
    assert!(series(&mut history, BOB).is_ok());
}

#[test]
fn a_series_of_as_many_points_as_may_be_has_them_for_every_key() {
    let mut history = History::new(0);
    // Ten keys in 1,000 hours, with two models each, long after all other calls.
    let from_ms = START_MS + 1_000 * DAY_MS;
    let call = |n: u128| Receipt {
        started_at_ms: from_ms + i64::try_from(n / 20).unwrap() * HOUR_MS,
        key: domain::KeyId::from_bits(n % 10 + 1),
        model_served: Some(format!("model-{}", n / 10 % 2)),
        ..receipt(ADA, 10_000 + n, 0)
    };
    let calls = Calls { account: Some(ADA), from_ms: Some(from_ms), ..Calls::default() };
    let by_key = SeriesQuery { calls, interval: Interval::Hour, group_by: GroupBy::Key };
    history.settle(&(0..20_000).map(call).collect::<Vec<_>>());
    history.roll_up();
    assert_eq!(history.reader.series(&by_key).unwrap().len(), 10_000);
    history.settle(&[call(20_000)]);
    for _ in ["not rolled up yet", "rolled up"] {
        let refused = history.reader.series(&by_key);
        assert!(matches!(refused, Err(LedgerError::TooManyPoints(10_000))));
        history.roll_up();
    }
    let of_account = SeriesQuery { group_by: GroupBy::None, ..by_key };
    assert_eq!(history.reader.series(&of_account).unwrap().len(), 1_001);
}

#[test]
fn a_question_that_takes_too_long_is_given_up() {
    let history = History::new(0);
    let mut impatient = history.impatient(Duration::ZERO);
    let query = SeriesQuery { calls: Calls::default(), interval: Interval::Hour, group_by: GroupBy::Key };
    assert!(matches!(impatient.series(&query), Err(LedgerError::TooSlow)));
}
