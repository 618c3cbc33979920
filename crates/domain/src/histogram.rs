//! Counts of values in buckets whose width grows with the value, for quantiles of times and speeds that can be added up.

/// Each power of two is cut into this many buckets.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 4;

/// Buckets for all of `u64`: one for each value below [`STEPS`], and [`STEPS`] for each further power of two.
const BUCKETS: u16 = 976;

/// How often values occurred, each rounded to within 1/32 of itself. Values below 32 are exact.
///
/// Only buckets that are not empty take memory: at most 976, of 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, in order of the bucket; no count is zero.
    counts: Vec<(u16, u64)>,
}

impl Histogram {
    /// One with nothing in it.
    #[must_use]
    pub const fn new() -> Histogram {
        Histogram { counts: Vec::new() }
    }

    /// Counts `value` once more.
    pub fn record(&mut self, value: u64) {
        let bucket = bucket_of(value);
        match self.counts.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
            Ok(index) => self.counts[index].1 = self.counts[index].1.saturating_add(1),
            Err(index) => self.counts.insert(index, (bucket, 1)),
        }
    }

    /// Adds all that `other` counted. A count that would not fit stays at its largest.
    pub fn merge(&mut self, other: &Histogram) {
        let mut merged = Vec::with_capacity(self.counts.len().max(other.counts.len()));
        let mut others = other.counts.iter().copied().peekable();
        for &(bucket, count) in &self.counts {
            while let Some(before) = others.next_if(|&(other, _)| other < bucket) {
                merged.push(before);
            }
            let same = others.next_if(|&(other, _)| other == bucket).map_or(0, |(_, count)| count);
            merged.push((bucket, count.saturating_add(same)));
        }
        merged.extend(others);
        self.counts = merged;
    }

    /// How many values were counted, at most `u64::MAX`.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |total, &(_, count)| total.saturating_add(count))
    }

    /// The value that `permille` of 1000 values do not exceed (500 is the median), within 1/32 of itself: that of rank
    /// ⌈count × permille ÷ 1000⌉, at least the first. `None` when nothing was counted.
    #[must_use]
    pub fn quantile(&self, permille: u32) -> Option<u64> {
        let total: u128 = self.counts.iter().map(|&(_, count)| u128::from(count)).sum();
        let rank = (total * u128::from(permille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0;
        let reaches = |&&(_, count): &&(u16, u64)| {
            seen += u128::from(count);
            seen >= rank
        };
        self.counts.iter().find(reaches).map(|&(bucket, _)| middle_of(bucket))
    }

    /// A compact form: for each bucket in use, how many unused ones come before it and its count, as LEB128 numbers.
    /// Equal histograms give equal bytes; an empty one gives none.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.counts.len() * 3);
        let mut next = 0;
        for &(bucket, count) in &self.counts {
            write_number(&mut bytes, u64::from(bucket - next));
            write_number(&mut bytes, count);
            next = bucket + 1;
        }
        bytes
    }

    /// Reads what [`Histogram::to_bytes`] wrote; `None` for any other bytes.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Histogram> {
        let mut counts = Vec::new();
        let mut next: u16 = 0;
        // Ends, as each turn takes two bytes or more and another bucket.
        while !bytes.is_empty() {
            let gap = u16::try_from(read_number(&mut bytes)?).ok()?;
            let bucket = next.checked_add(gap).filter(|&bucket| bucket < BUCKETS)?;
            let count = read_number(&mut bytes).filter(|&count| count > 0)?;
            counts.push((bucket, count));
            next = bucket + 1;
        }
        Some(Histogram { counts })
    }
}

fn bucket_of(value: u64) -> u16 {
    let shift = shift_of(value);
    // Below `BUCKETS`: the shift is at most 59, and what is left after it below 32.
    let bucket = u64::from(shift) * STEPS + (value >> shift);
    u16::try_from(bucket).unwrap_or(BUCKETS - 1)
}

/// By how many bits a value is cut so that it keeps the five highest.
fn shift_of(value: u64) -> u32 {
    (u64::BITS - value.leading_zeros()).saturating_sub(STEP_BITS + 1)
}

fn middle_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let shift = (bucket / STEPS).saturating_sub(1);
    let lowest = (bucket - shift * STEPS) << shift;
    lowest + ((1 << shift) - 1) / 2
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while let Some(rest) = Some(number >> 7).filter(|&rest| rest > 0) {
        bytes.push(low_bits(number) | 0x80);
        number = rest;
    }
    bytes.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

/// Takes a number off the front, in its shortest form only.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10u32 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if place == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * place);
        if byte & 0x80 == 0 {
            let shortest = bits > 0 || place == 0;
            return shortest.then_some(number);
        }
    }
    None
}
