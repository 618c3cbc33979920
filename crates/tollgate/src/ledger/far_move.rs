//! Far moves of the horizon, which wait until the clock can be trusted.
//!
//! The horizon of retention never moves back, and what is before it is deleted. So one look at a clock that is years
//! ahead, as on a machine that booted without knowing the time, must not move it. In the everyday it moves on by a day.
//! A farther move waits until the clock has run without a leap for some hours. A clock that is put right in the
//! meantime leaves no trace.

use domain::calendar::DAY_MS;
use tracing::warn;

const HOUR_MS: i64 = 3_600_000;

/// How long the clock has to run before a far move. A machine that asks for the time has it long before, and somebody
/// can read the warning. A gateway that only runs by day gets there too.
const SURE_AFTER_MS: i64 = 6 * HOUR_MS;

/// A leap, between two looks. They are at most an hour apart, as often as usage is rolled up.
const LEAP_MS: i64 = 2 * HOUR_MS;

/// A far move that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct FarMove {
    /// What the clock said when it was first due.
    since_ms: i64,
    /// What it said last.
    seen_ms: i64,
}

impl FarMove {
    /// Whether the horizon moves farther than it does from day to day.
    pub(super) fn is_one(keep_from_ms: i64, horizon: i64) -> bool {
        horizon > keep_from_ms.saturating_add(DAY_MS)
    }

    /// A look at the clock while a move is due that waits since `before`. `of` is what it deletes, if there is any: the
    /// first move of a new store deletes nothing, and nobody has to know of it.
    pub(super) fn look(before: Option<FarMove>, now_ms: i64, of: Option<&'static str>) -> FarMove {
        match before.filter(|before| now_ms.abs_diff(before.seen_ms) <= LEAP_MS.unsigned_abs()) {
            Some(before) => FarMove { seen_ms: now_ms, ..before },
            None => {
                if let Some(of) = of {
                    warn!(
                        now_ms,
                        of,
                        hours = SURE_AFTER_MS / HOUR_MS,
                        "more than a day of them is due to be deleted, which waits for some hours: is the clock right?"
                    );
                }
                FarMove { since_ms: now_ms, seen_ms: now_ms }
            }
        }
    }

    /// Whether the clock has run for long enough.
    pub(super) fn is_sure(self) -> bool {
        self.seen_ms.saturating_sub(self.since_ms) >= SURE_AFTER_MS
    }
}
