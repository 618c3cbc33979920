//! Histograms against the sorted list of their values.

use domain::Histogram;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

const PERMILLES: [u32; 9] = [0, 1, 10, 500, 900, 990, 999, 1000, u32::MAX];

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|&value| histogram.record(value));
    histogram
}

proptest! {
    #[test]
    fn quantiles_are_within_a_32nd_of_the_sorted_list(mut values in vec(values(), 1..300)) {
        let histogram = of(&values);
        values.sort_unstable();
        prop_assert_eq!(histogram.count(), values.len() as u64);
        for permille in PERMILLES {
            let rank = (values.len() * permille.min(1000) as usize).div_ceil(1000).max(1);
            let exact = values[rank - 1];
            let shown = histogram.quantile(permille).expect("something was counted");
            prop_assert!(shown.abs_diff(exact) <= exact / 32, "{shown} for {exact} at {permille}");
        }
    }

    #[test]
    fn merging_is_counting_all(one in vec(values(), 0..100), other in vec(values(), 0..100)) {
        let mut merged = of(&one);
        merged.merge(&of(&other));
        let all: Vec<u64> = one.into_iter().chain(other).collect();
        prop_assert_eq!(merged, of(&all));
    }

    #[test]
    fn bytes_hold_all_of_it(values in vec(values(), 0..300)) {
        let histogram = of(&values);
        let bytes = histogram.to_bytes();
        prop_assert_eq!(Histogram::from_bytes(&bytes), Some(histogram));
        if !bytes.is_empty() {
            prop_assert!(Histogram::from_bytes(&bytes[..bytes.len() - 1]) != Some(of(&values)));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_the_only_ones_for_what_they_say(bytes in vec(any::<u8>(), 0..64)) {
        is_canonical(&bytes)?;
    }

    #[test]
    fn small_numbers_are_refused_or_the_only_ones_for_what_they_say(bytes in vec(0..4_u8, 0..64)) {
        is_canonical(&bytes)?;
    }
}

fn is_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Some(histogram) = Histogram::from_bytes(bytes) {
        prop_assert_eq!(histogram.to_bytes(), bytes);
        for permille in PERMILLES {
            prop_assert_eq!(histogram.quantile(permille).is_some(), !bytes.is_empty());
        }
    }
    Ok(())
}

#[test]
fn an_empty_one_shows_nothing() {
    let empty = Histogram::new();
    assert_eq!((empty.count(), empty.quantile(500)), (0, None));
    assert_eq!(empty.to_bytes(), [0_u8; 0]);
    assert_eq!(Histogram::from_bytes(&[]), Some(empty));
}

#[test]
fn the_ends_of_the_range_have_buckets() {
    let histogram = of(&[0, u64::MAX]);
    assert_eq!(histogram.quantile(0), Some(0));
    let most = histogram.quantile(1000).expect("counted");
    assert!(u64::MAX - most <= u64::MAX / 32);
    assert_eq!(histogram.to_bytes(), [0, 1, 0xce, 7, 1], "974 unused buckets between the two");
}

#[test]
fn full_counts_stay_full() {
    let mut bytes = vec![0];
    bytes.extend([0xff; 9]);
    bytes.push(1);
    let mut full = Histogram::from_bytes(&bytes).expect("one bucket with the largest count");
    assert_eq!(full.count(), u64::MAX);
    full.record(0);
    full.merge(&full.clone());
    full.record(7);
    assert_eq!((full.count(), full.quantile(500), full.quantile(1000)), (u64::MAX, Some(0), Some(7)));
}

#[test]
fn malformed_bytes_are_refused() {
    for (bytes, why) in [
        (&[0_u8][..], "a bucket without a count"),
        (&[0, 0], "a count of nothing"),
        (&[0x80, 0, 1], "a number that is longer than it must be"),
        (&[0xd0, 7, 1], "the bucket after the last"),
        (&[0xff, 0xff, 3, 1], "a bucket that would overflow"),
        (&[5, 1, 0xff, 0xff, 3, 1], "a distance that would overflow"),
        (&[0, 0x80], "a number that breaks off"),
        (&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], "a count above 64 bits"),
        (&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0], "a count of eleven bytes"),
    ] {
        assert_eq!(Histogram::from_bytes(bytes), None, "{why}");
    }
}

/// Of every magnitude, with the edges of buckets.
fn values() -> impl Strategy<Value = u64> {
    let around = |bits: u32| {
        let power = 1_u64 << bits;
        (power - 1)..=power.saturating_add(power / 8)
    };
    prop_oneof![0..100_u64, 0..10_000_000_u64, any::<u64>(), (0..64_u32).prop_flat_map(around)]
}
