//! Periods and the calendar against a walk that counts days one by one.

use domain::calendar::{DAY_MS, civil_date, days_from_civil};
use domain::{PerPeriod, Period};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

/// More than the 400 years after which the calendar repeats, around the epoch.
const YEARS: std::ops::RangeInclusive<i64> = 1750..=2200;

#[test]
fn periods_start_and_end_where_a_walk_of_days_says() {
    // 1750-01-01 was a Thursday, 80,353 days before the epoch.
    let (mut day, mut weekday) = (-80_353, 3);
    let (mut week_start, mut checked) = (day - weekday, 0);
    for year in YEARS {
        for month in 1..=12 {
            let month_start = day;
            for of_month in 1..=length(year, month) {
                if weekday == 0 {
                    week_start = day;
                }
                assert_eq!(civil_date(day), (year, month, of_month));
                assert_eq!(days_from_civil(year, month, of_month), day);
                let spans = [
                    (Period::Day, day, day + 1),
                    (Period::Week, week_start, week_start + 7),
                    (Period::Month, month_start, month_start + length(year, month)),
                ];
                for (period, start, end) in spans {
                    for at_ms in [day * DAY_MS, day * DAY_MS + 43_200_123, (day + 1) * DAY_MS - 1] {
                        assert_eq!(period.start_of(at_ms), start * DAY_MS, "{period:?} {at_ms}");
                        assert_eq!(period.end_of(at_ms), Some(end * DAY_MS), "{period:?} {at_ms}");
                    }
                }
                (day, weekday, checked) = (day + 1, (weekday + 1) % 7, checked + 1);
            }
        }
    }
    assert_eq!(checked, 164_724);
}

fn length(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[test]
fn dates_that_everybody_knows() {
    let monday_2024_12_30 = 1_735_516_800_000;
    let new_year_2025 = 1_735_689_600_000;
    assert_eq!(Period::Week.start_of(new_year_2025), monday_2024_12_30, "the week goes over the new year");
    assert_eq!(Period::Month.start_of(new_year_2025 - 1), 1_733_011_200_000, "2024-12-01");
    assert_eq!(Period::Month.end_of(new_year_2025 - 1), Some(new_year_2025));
    assert_eq!(Period::Month.end_of(1_709_164_800_000), Some(1_709_251_200_000), "2024-02-29 ends February");
    assert_eq!(Period::Day.start_of(-1), -DAY_MS);
}

#[test]
fn the_total_never_starts_anew() {
    for at_ms in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(Period::Total.start_of(at_ms), i64::MIN);
        assert_eq!(Period::Total.end_of(at_ms), None);
    }
}

#[test]
fn each_period_has_a_word_and_a_place() {
    let words = Period::ALL.map(Period::as_str);
    assert_eq!(words, ["day", "week", "month", "total"]);
    let mut places = PerPeriod::new(words);
    for period in Period::ALL {
        assert_eq!(Period::parse(period.as_str()), Some(period));
        assert_eq!(places[period], period.as_str());
        places[period] = "seen";
    }
    assert!(places.iter().all(|(_, word)| *word == "seen"));
    assert_eq!(Period::parse("Day"), None);
    assert_eq!(Period::parse(""), None);
}

proptest! {
    #[test]
    fn any_time_is_in_its_period(at_ms in any::<i64>()) {
        for period in Period::ALL {
            let start_ms = period.start_of(at_ms);
            prop_assert!(start_ms <= at_ms);
            if let Some(end_ms) = period.end_of(at_ms) {
                prop_assert!(at_ms < end_ms || end_ms == i64::MAX);
                if start_ms > i64::MIN && end_ms < i64::MAX {
                    prop_assert_eq!(period.start_of(end_ms - 1), start_ms);
                    prop_assert_eq!(period.start_of(end_ms), end_ms);
                }
            }
        }
    }
}
