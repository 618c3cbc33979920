//! The place of a call in a distributed trace: the W3C trace context that comes in and the one that goes on.
//!
//! No randomness is drawn: a call id is 128 bits of time and chance, so a trace that begins here has the call's id,
//! and its spans count on from the lower half.

use std::sync::Arc;

use domain::{CallId, Offer};
use hyper::header::{HeaderMap, HeaderValue};

use crate::upstream::TRACEPARENT;

/// The flag that says that the sender records the trace.
const SAMPLED: u8 = 1;

/// The bits of a call id that decide about sampling: its lowest, which are drawn anew for each call. Those above count
/// the calls of a millisecond.
const RANDOM_BITS: u32 = 32;

/// The most attempts of a call that get a span. No route is longer than this many tries.
const ATTEMPTS_MAX: usize = 16;

/// Decides which calls are traced.
#[derive(Clone, Copy, Debug)]
pub struct Tracer {
    /// Calls below this, in their random bits, are sampled.
    threshold: u128,
}

/// A call's place in its trace, and its attempts.
#[derive(Debug)]
pub struct CallTrace {
    pub(super) trace: u128,
    /// The client's span, where it named one.
    pub(super) parent: Option<u64>,
    /// The call's own span.
    pub(super) span: u64,
    sampled: bool,
    pub(super) attempts: Vec<Attempt>,
}

/// One try at one offer.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
    /// Microseconds since the call was accepted.
    pub(super) started_us: u64,
    /// The same, of a try that failed.
    pub(super) failed_us: Option<u64>,
    pub(super) failure: Option<String>,
}

impl Tracer {
    /// Samples that many of a thousand calls.
    pub(super) fn new(sample_per_mille: u16) -> Tracer {
        Tracer { threshold: (u128::from(sample_per_mille.min(1_000)) << RANDOM_BITS) / 1_000 }
    }

    /// The trace of a call. A client that does not record its trace is not sampled; one that does is sampled as
    /// often as others: the call's own id decides and not the trace's, which the client chooses, so that no client can
    /// make the gateway send more than was configured.
    pub(super) fn begin(self, call: CallId, headers: &HeaderMap) -> CallTrace {
        let bits = call.to_bits();
        let (trace, parent, wanted) = match incoming(headers) {
            Some((trace, parent, flags)) => (trace, Some(parent), flags & SAMPLED != 0),
            None => (bits, None, true),
        };
        let sampled = wanted && bits & ((1 << RANDOM_BITS) - 1) < self.threshold;
        CallTrace { trace, parent, span: lower_half(bits), sampled, attempts: Vec::new() }
    }
}

impl CallTrace {
    /// Whether its spans are to be sent.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Notes a try at an offer, which begins `at_us` microseconds after the call.
    pub fn attempt(&mut self, offer: &Offer, at_us: u64) {
        if self.sampled && self.attempts.len() < ATTEMPTS_MAX {
            let (provider, model) = (Arc::clone(&offer.provider), Arc::clone(&offer.upstream_model));
            let attempt = Attempt { provider, model, started_us: at_us, failed_us: None, failure: None };
            self.attempts.push(attempt);
        }
    }

    /// Notes that the try has failed, and why: an upstream's status, or our word for it.
    pub fn failed(&mut self, why: impl FnOnce() -> String, at_us: u64) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.failed_us = Some(at_us);
            attempt.failure = Some(why());
        }
    }

    /// What the upstream is told: the trace, and the current try as its parent.
    #[must_use]
    pub fn outgoing(&self) -> Option<HeaderValue> {
        let span = self.attempts.len().checked_sub(1).map_or(self.span, |index| self.attempt_span(index));
        let flags = u8::from(self.sampled);
        HeaderValue::try_from(format!("00-{:032x}-{span:016x}-{flags:02x}", self.trace)).ok()
    }

    /// The span of the try of that index.
    pub(super) fn attempt_span(&self, index: usize) -> u64 {
        // Zero is no span id; a call id ends in it about never.
        self.span.wrapping_add(1).wrapping_add(index as u64).max(1)
    }
}

fn lower_half(bits: u128) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}

/// Trace, parent and flags of a `traceparent`; `None` where there is none, or several, or one that breaks the rules.
fn incoming(headers: &HeaderMap) -> Option<(u128, u64, u8)> {
    let mut values = headers.get_all(TRACEPARENT).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = value.to_str().ok()?;
    let lower_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let parts = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let fits = parts.iter().zip([2, 32, 16, 2]).all(|(part, length)| part.len() == length && lower_hex(part));
    // Later versions may add parts; this one has four.
    if !fits || parts[0] == "ff" || (parts[0] == "00" && text.len() != 55) {
        return None;
    }
    let trace = u128::from_str_radix(parts[1], 16).ok().filter(|trace| *trace != 0)?;
    let parent = u64::from_str_radix(parts[2], 16).ok().filter(|parent| *parent != 0)?;
    Some((trace, parent, u8::from_str_radix(parts[3], 16).ok()?))
}

#[cfg(test)]
mod tests {
    use domain::CallId;
    use hyper::header::{HeaderMap, HeaderValue};

    use super::{TRACEPARENT, Tracer};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn begin(per_mille: u16, header: &str) -> (Option<u64>, bool, String) {
        begin_call(0xABCD_0000_0000_0000_0000_0001, per_mille, header)
    }

    fn begin_call(call: u128, per_mille: u16, header: &str) -> (Option<u64>, bool, String) {
        let mut headers = HeaderMap::new();
        for value in header.split('|').filter(|value| !value.is_empty()) {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        let trace = Tracer::new(per_mille).begin(CallId::from_bits(call), &headers);
        (trace.parent, trace.is_sampled(), format!("{:032x}", trace.trace))
    }

    #[test]
    fn a_trace_context_that_follows_the_rules_is_taken_up() {
        let own = "00000000abcd00000000000000000001";
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let parent = Some(0x00f0_67aa_0ba9_02b7);
        for (header, expected) in [
            (good.clone(), (parent, true, TRACE)),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), (parent, false, TRACE)),
            (format!("01-{TRACE}-00f067aa0ba902b7-01-more"), (parent, true, TRACE)),
            (String::new(), (None, true, own)),
            (format!("{good}|{good}"), (None, true, own)),
            (format!("{good}-more"), (None, true, own)),
            (format!("ff-{TRACE}-00f067aa0ba902b7-01"), (None, true, own)),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), (None, true, own)),
            (format!("00-{TRACE}-0000000000000000-01"), (None, true, own)),
            (format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()), (None, true, own)),
            (format!("00-{TRACE}-+0f067aa0ba902b7-01"), (None, true, own)),
            ("x".repeat(10_000), (None, true, own)),
        ] {
            let (parent, sampled, trace) = begin(1_000, &header);
            assert_eq!((parent, sampled, trace.as_str()), expected, "{header}");
        }
    }

    #[test]
    fn a_client_cannot_ask_for_more_samples_than_configured() {
        let sampled = |per_mille, call: u32, trace: &str| {
            let header = format!("00-{}{trace}-00f067aa0ba902b7-01", "f".repeat(18));
            begin_call(0xff << 32 | u128::from(call), per_mille, &header).1
        };
        // The lowest trace id that there can be, and the highest.
        for trace in ["00000000000000", "ffffffffffffff"] {
            assert!(!sampled(0, 0, trace));
            assert!(sampled(500, 0x7fff_ffff, trace));
            assert!(!sampled(500, 0x8000_0000, trace));
            assert!(sampled(1_000, u32::MAX, trace));
        }
    }
}
