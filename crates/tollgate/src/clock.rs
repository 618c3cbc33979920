//! The wall clock, passed in wherever a time is recorded. Deadlines and durations use the runtime's monotonic clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use domain::Now;

/// Where the monotonic time of limits begins: any moment will do.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A source of wall-clock time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test moves: milliseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Clock::Manual(now_ms) => now_ms.load(Ordering::Relaxed),
        }
    }

    /// Both times, for limits. A manual clock is monotonic for as long as nobody moves it back.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall_ms = self.now_ms();
        let mono_ns = match self {
            Clock::System => u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Clock::Manual(_) => u64::try_from(wall_ms).unwrap_or(0).saturating_mul(1_000_000),
        };
        Now { mono_ns, wall_ms }
    }
}
