//! Whether a failed attempt is worth another, and after what wait.

use std::time::Duration;

/// Attempts of one call, over all offers.
pub const ATTEMPTS_MAX: u32 = 3;

/// The first backoff; each further one doubles.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// The longest wait before another attempt. An upstream that asks for more is not waited for.
pub const WAIT_MAX: Duration = Duration::from_secs(5);

/// How an attempt failed, before its first byte reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or the upstream did nothing for the request: surely no generation.
    Connect,
    /// The upstream answered with this status, and may have said how long to wait.
    Status(u16, Option<Duration>),
    /// No answer within the first-byte deadline, or the connection broke: a second generation could cost twice.
    Ambiguous,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try the next offer, or this one again, after the wait.
    Retry(Duration),
    /// Answer the client.
    GiveUp,
}

/// Decides after `failure`, the `attempt`-th of the call (from 1). `has_other_offer` says that another offer is left,
/// which needs no wait; `jitter` is a random number from 0 to 255 that spreads the waits.
#[must_use]
pub fn decide(failure: Failure, attempt: u32, has_other_offer: bool, jitter: u8) -> Verdict {
    if attempt >= ATTEMPTS_MAX {
        return Verdict::GiveUp;
    }
    let retry_after = match failure {
        Failure::Connect => None,
        Failure::Status(status, retry_after) => {
            let transient = matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 529);
            // An account's or a model's refusal does not go away, but another offer may not share it.
            let elsewhere = has_other_offer && matches!(status, 401..=404 | 410);
            if !transient && !elsewhere {
                return Verdict::GiveUp;
            }
            retry_after
        }
        Failure::Ambiguous => return Verdict::GiveUp,
    };
    if has_other_offer {
        return Verdict::Retry(Duration::ZERO);
    }
    let wait = retry_after.unwrap_or_else(|| backoff(attempt, jitter));
    if wait > WAIT_MAX { Verdict::GiveUp } else { Verdict::Retry(wait) }
}

/// Half of the doubled step is fixed, half is random.
fn backoff(attempt: u32, jitter: u8) -> Duration {
    let step = BACKOFF_FIRST * 2u32.pow(attempt.saturating_sub(1).min(8));
    step / 2 + step / 2 * u32::from(jitter) / 255
}
