//! The `x-ratelimit-…` headers, in OpenAI's names and formats.
//!
//! `limit` is the burst: what may be taken at once after a pause. `remaining` is what is left of it, and `reset` is how
//! long until it is full again.

use domain::{Standing, Window};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

const SECOND_NS: u64 = 1_000_000_000;
const MILLI_NS: u64 = 1_000_000;

/// The names of one kind's headers: limit, remaining, reset.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Says where the rates stand; nothing of those that have no limit.
pub fn set_rate_limits(headers: &mut HeaderMap, standing: &Standing) {
    set(headers, &REQUESTS, standing.requests);
    set(headers, &TOKENS, standing.tokens);
}

fn set(headers: &mut HeaderMap, [limit, remaining, reset]: &Names, window: Option<Window>) {
    let Some(window) = window else { return };
    headers.insert(limit, HeaderValue::from(window.limit.burst()));
    headers.insert(remaining, HeaderValue::from(window.remaining));
    if let Ok(value) = HeaderValue::try_from(duration(window.reset_ns)) {
        headers.insert(reset, value);
    }
}

/// A duration as OpenAI writes it: `0s`, `120ms`, `1.5s`, `6m0s`, `2h0m30s`. Rounded up, so that who waits it is not early.
fn duration(ns: u64) -> String {
    if ns < SECOND_NS {
        return match ns.div_ceil(MILLI_NS) {
            0 => "0s".to_owned(),
            1_000 => "1s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    if ns < 60 * SECOND_NS {
        let tenths = ns.div_ceil(SECOND_NS / 10);
        if tenths < 600 {
            return match tenths % 10 {
                0 => format!("{}s", tenths / 10),
                tenth => format!("{}.{tenth}s", tenths / 10),
            };
        }
    }
    let seconds = ns.div_ceil(SECOND_NS);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}m{seconds}s") } else { format!("{hours}h{minutes}m{seconds}s") }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_as_openai_writes_them() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ms"),
            (120_000_000, "120ms"),
            (999_000_001, "1s"),
            (1_000_000_000, "1s"),
            (1_450_000_001, "1.5s"),
            (59_950_000_000, "1m0s"),
            (360_000_000_000, "6m0s"),
            (7_230_000_000_000, "2h0m30s"),
        ] {
            assert_eq!(duration(ns), text, "{ns} ns");
        }
    }
}
