//! Histograms over whole numbers: what is measured is counted in a small unit and shown in the base unit.

use std::sync::atomic::AtomicU64;

use super::exposition::{Decimal, Exposition};
use super::{add, read};

/// The bounds of a histogram's buckets and its unit.
#[derive(Debug)]
pub(super) struct Scale {
    /// Ascending, each with its text in the base unit as Go writes floats.
    bounds: &'static [(u64, &'static str)],
    /// Digits after the point when a sum of the small unit is shown in the base unit.
    digits: u32,
}

/// Microseconds shown as seconds: from a cached answer to the longest reasoning.
pub(super) static CALL_SECONDS: Scale = Scale {
    bounds: &[
        (50_000, "0.05"),
        (100_000, "0.1"),
        (250_000, "0.25"),
        (500_000, "0.5"),
        (1_000_000, "1.0"),
        (2_500_000, "2.5"),
        (5_000_000, "5.0"),
        (10_000_000, "10.0"),
        (30_000_000, "30.0"),
        (60_000_000, "60.0"),
        (120_000_000, "120.0"),
        (300_000_000, "300.0"),
    ],
    digits: 6,
};

/// Microseconds shown as seconds: from memory on a good disk to a disk in trouble.
pub(super) static COMMIT_SECONDS: Scale = Scale {
    bounds: &[
        (250, "0.00025"),
        (500, "0.0005"),
        (1_000, "0.001"),
        (2_500, "0.0025"),
        (5_000, "0.005"),
        (10_000, "0.01"),
        (25_000, "0.025"),
        (100_000, "0.1"),
        (1_000_000, "1.0"),
    ],
    digits: 6,
};

/// Settlements of one commit; the writer takes at most 256.
pub(super) static BATCH: Scale = Scale {
    bounds: &[
        (1, "1.0"),
        (2, "2.0"),
        (4, "4.0"),
        (8, "8.0"),
        (16, "16.0"),
        (32, "32.0"),
        (64, "64.0"),
        (128, "128.0"),
        (256, "256.0"),
    ],
    digits: 0,
};

/// Thousandths of tokens per second: from a model on a laptop to the fastest hardware.
pub(super) static TOKENS_PER_SECOND: Scale = Scale {
    bounds: &[
        (5_000, "5.0"),
        (10_000, "10.0"),
        (20_000, "20.0"),
        (40_000, "40.0"),
        (80_000, "80.0"),
        (160_000, "160.0"),
        (320_000, "320.0"),
        (640_000, "640.0"),
        (1_280_000, "1280.0"),
    ],
    digits: 3,
};

/// Counts by bucket, and their sum.
#[derive(Debug)]
pub(super) struct Histogram {
    scale: &'static Scale,
    /// One per bound, and one for all above.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(scale: &'static Scale) -> Histogram {
        let buckets = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { scale, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts a value in the small unit.
    pub(super) fn observe(&self, value: u64) {
        let index = self.scale.bounds.partition_point(|(bound, _)| *bound < value);
        add(&self.buckets[index], 1);
        add(&self.sum, value);
    }

    /// Writes its samples. The count is that of the last bucket, so the two always agree.
    pub(super) fn expose(&self, out: &mut Exposition, labels: &[(&str, &str)]) {
        let mut count = 0;
        let bounds = self.scale.bounds.iter().map(|(_, text)| *text).chain(std::iter::once("+Inf"));
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            count += read(bucket);
            let with_bound: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
            out.sample("_bucket", &with_bound, count);
        }
        out.sample("_count", labels, count);
        out.sample("_sum", labels, Decimal { number: read(&self.sum), digits: self.scale.digits });
    }
}
