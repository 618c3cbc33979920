//! Stable hashing and dice: the same seed and bytes give the same answer on every machine and build.

/// A 64-bit fingerprint of `bytes`, mixed with `seed`. Not cryptographic.
pub(crate) fn fingerprint(seed: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = mix(seed ^ (bytes.len() as u64).rotate_left(32));
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    for byte in rest {
        state = mix(state ^ u64::from(*byte));
    }
    state
}

/// A deterministic source of choices (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % (bound.max(1) as u64)).unwrap_or(0)
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Dice, fingerprint};

    #[test]
    fn fingerprints_are_stable_and_depend_on_every_byte_and_the_seed() {
        assert_eq!(fingerprint(1, b"hello world"), fingerprint(1, b"hello world"));
        assert_ne!(fingerprint(1, b"hello world"), fingerprint(2, b"hello world"));
        assert_ne!(fingerprint(1, b"hello world"), fingerprint(1, b"hello worle"));
        assert_ne!(fingerprint(1, b""), fingerprint(1, b"\0"));
    }

    #[test]
    fn dice_stay_below_their_bound() {
        let mut dice = Dice::new(7);
        assert!((0..1000).all(|_| dice.below(5) < 5));
        assert_eq!(dice.below(0), 0);
    }
}
