//! Who decides how a late settlement ends. The caller and the writer must agree: an answer that is withheld as unpaid
//! is not charged afterwards, and one that is charged is not withheld.

use std::sync::atomic::{AtomicU8, Ordering};

/// The caller waits, and the store is not being tried.
const WAITING: u8 = 0;
/// The store is being tried: its answer decides, also when the caller's patience ends meanwhile.
const TRYING: u8 = 1;
/// The caller waits no more, or only for the try that is under way.
const OVER: u8 = 2;

/// What a caller and the writer share about one settlement.
#[derive(Debug, Default)]
pub(super) struct Patience(AtomicU8);

impl Patience {
    /// The caller's side: waits no more. `false` while the store is being tried, whose answer is to be awaited then.
    pub(super) fn end(&self) -> bool {
        self.0.swap(OVER, Ordering::AcqRel) == WAITING
    }

    /// The writer's side, before it tries the store. `false` when nobody waits any more.
    pub(super) fn begin_try(&self) -> bool {
        self.swap_if(WAITING, TRYING)
    }

    /// The writer's side, after the store failed. `false` when nobody waits for another try.
    pub(super) fn end_try(&self) -> bool {
        self.swap_if(TRYING, WAITING)
    }

    fn swap_if(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_the_caller_leaves_or_a_try_decides() {
        let left_before = Patience::default();
        assert!(left_before.end() && !left_before.begin_try());

        let left_between = Patience::default();
        assert!(left_between.begin_try() && left_between.end_try());
        assert!(left_between.end() && !left_between.begin_try());

        let over_during = Patience::default();
        assert!(over_during.begin_try());
        assert!(!over_during.end(), "the try that is under way may charge");
        assert!(!over_during.end_try() && !over_during.begin_try(), "and no other one");
    }
}
