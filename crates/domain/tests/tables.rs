//! The decisions that are tables: what an ending costs, what is tried again, how identifiers and words are spelled.

use std::time::Duration;

use domain::outcome::{Billable, Report, bill};
use domain::retry::{ATTEMPTS_MAX, Failure, Verdict, WAIT_MAX, decide};
use domain::usage::{TOKENS_MAX, estimate_tokens};
use domain::{AccountId, BillingRule, CallId, GrantId, KeyId, Outcome, Usage, UsageSource};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

const NOTHING: Usage = Usage { input: 0, cached_input: 0, output: 0, reasoning: 0 };
const REPORTED: Usage = Usage { input: 10, cached_input: 4, output: 7, reasoning: 2 };
const REPORTED_SILENCE: Usage = Usage { input: 10, cached_input: 0, output: 0, reasoning: 0 };
const RELAYED: Usage = Usage { input: 12, cached_input: 0, output: 5, reasoning: 0 };
const RELAYED_SILENCE: Usage = Usage { input: 12, cached_input: 0, output: 0, reasoning: 0 };

#[test]
fn what_an_ending_costs() {
    use BillingRule::{Drained, NotSent, NothingGenerated, Relayed, Reported};
    let free = |rule| Billable { usage: NOTHING, source: UsageSource::None, rule };
    let reported = |rule| Billable { usage: REPORTED, source: UsageSource::Reported, rule };
    let counted = Billable { usage: RELAYED, source: UsageSource::Estimated, rule: Relayed };
    let complete = [
        (Some(REPORTED), RELAYED, reported(Reported)),
        // The upstream's word counts even where it differs from what was seen.
        (Some(REPORTED), RELAYED_SILENCE, reported(Reported)),
        // A complete answer without words is an answer: its prompt was read.
        (
            Some(REPORTED_SILENCE),
            RELAYED_SILENCE,
            Billable { usage: REPORTED_SILENCE, source: UsageSource::Reported, rule: Reported },
        ),
        (None, RELAYED, counted),
    ];
    for (upstream, relayed, expected) in complete {
        assert_eq!(bill(Outcome::Complete, upstream.map(last), relayed), expected);
        assert_eq!(bill(Outcome::Complete, upstream.map(stale), relayed), expected);
    }
    for outcome in [Outcome::UpstreamError, Outcome::Cut, Outcome::Stall, Outcome::Timeout, Outcome::Shutdown]
    {
        assert_eq!(bill(outcome, None, RELAYED_SILENCE), free(NothingGenerated), "{outcome:?}");
        assert_eq!(
            bill(outcome, Some(last(REPORTED_SILENCE)), RELAYED_SILENCE),
            free(NothingGenerated),
            "{outcome:?}"
        );
        assert_eq!(bill(outcome, None, RELAYED), counted, "{outcome:?}");
        assert_eq!(bill(outcome, Some(last(REPORTED)), RELAYED), reported(Reported), "{outcome:?}");
    }
    assert_eq!(bill(Outcome::ClientGone, Some(last(REPORTED)), RELAYED), reported(Drained));
    assert_eq!(bill(Outcome::ClientGone, None, RELAYED), counted);
    assert_eq!(bill(Outcome::ClientGone, None, RELAYED_SILENCE), free(NothingGenerated));
    assert_eq!(bill(Outcome::Refused, Some(last(REPORTED)), RELAYED), free(NotSent));
}

#[test]
fn a_stale_report_of_a_broken_answer_is_no_less_than_what_was_relayed() {
    let usage = |input, cached_input, output, reasoning| Usage { input, cached_input, output, reasoning };
    let table = [
        // A report from before the first text, and 6,000 bytes after it.
        (usage(10, 0, 0, 0), usage(8, 0, 1_500, 0), Some(usage(10, 0, 1_500, 0))),
        (usage(10, 4, 7, 2), usage(12, 0, 5, 0), Some(usage(12, 4, 7, 2))),
        (usage(10, 4, 7, 2), usage(12, 0, 9, 0), Some(usage(12, 4, 9, 2))),
        // Nothing of the estimate is larger: the report stands.
        (usage(10, 4, 7, 2), usage(10, 0, 7, 0), None),
        (usage(10, 4, 7, 2), usage(3, 0, 1, 0), None),
    ];
    for outcome in Outcome::ALL {
        if matches!(outcome, Outcome::Complete | Outcome::Refused) {
            continue;
        }
        let rule = if outcome == Outcome::ClientGone { BillingRule::Drained } else { BillingRule::Reported };
        for (report, relayed, larger) in table {
            let reported = Billable { usage: report, source: UsageSource::Reported, rule };
            let estimated =
                |usage| Billable { usage, source: UsageSource::Estimated, rule: BillingRule::Relayed };
            let expected = larger.map_or(reported, estimated);
            assert_eq!(bill(outcome, Some(stale(report)), relayed), expected, "{outcome:?}");
            assert_eq!(bill(outcome, Some(last(report)), relayed), reported, "{outcome:?}");
        }
    }
}

/// A report that nothing came after.
fn last(usage: Usage) -> Report {
    Report { usage, stale: false }
}

/// A report that text came after.
fn stale(usage: Usage) -> Report {
    Report { usage, stale: true }
}

#[test]
fn what_is_tried_again() {
    let status = |code| Failure::Status(code, None);
    let asked = |code, seconds| Failure::Status(code, Some(Duration::from_secs(seconds)));
    let now = Verdict::Retry(Duration::ZERO);
    let after_ms = |ms| Verdict::Retry(Duration::from_millis(ms));
    // The failure, the verdict with another offer left, and without one (jitter 0: half of each step).
    let mut table = vec![
        (Failure::Connect, now, after_ms(50)),
        (Failure::Ambiguous, Verdict::GiveUp, Verdict::GiveUp),
        (asked(429, 2), now, after_ms(2_000)),
        (asked(429, 5), now, after_ms(5_000)),
        (asked(429, 6), now, Verdict::GiveUp),
        (asked(400, 1), Verdict::GiveUp, Verdict::GiveUp),
    ];
    table.extend([408, 429, 500, 502, 503, 504, 529].map(|code| (status(code), now, after_ms(50))));
    table.extend([401, 402, 403, 404, 410].map(|code| (status(code), now, Verdict::GiveUp)));
    table.extend([400, 405, 409, 413, 422, 501].map(|code| (status(code), Verdict::GiveUp, Verdict::GiveUp)));
    for (failure, elsewhere, here) in table {
        assert_eq!(decide(failure, 1, true, 0), elsewhere, "{failure:?} with another offer");
        assert_eq!(decide(failure, 1, false, 0), here, "{failure:?} without");
        assert_eq!(
            decide(failure, ATTEMPTS_MAX, true, 0),
            Verdict::GiveUp,
            "{failure:?} at the last attempt"
        );
    }
    assert_eq!(decide(Failure::Connect, 1, false, 255), after_ms(100));
    assert_eq!(decide(Failure::Connect, 2, false, 0), after_ms(100));
    assert_eq!(decide(Failure::Connect, 2, false, 255), after_ms(200));
}

proptest! {
    #[test]
    fn attempts_and_waits_are_bounded(code: u16, wait_s in 0..1_000u64, attempt: u32, other: bool, jitter: u8) {
        for failure in [Failure::Connect, Failure::Status(code, None), Failure::Status(code, Some(Duration::from_secs(wait_s)))] {
            if let Verdict::Retry(wait) = decide(failure, attempt, other, jitter) {
                prop_assert!(attempt < ATTEMPTS_MAX);
                prop_assert!(wait <= WAIT_MAX);
            }
        }
    }

    #[test]
    fn identifiers_are_read_as_they_are_written(bits: u128) {
        prop_assert_eq!(AccountId::from_bits(bits).to_string().parse(), Ok(AccountId::from_bits(bits)));
        prop_assert_eq!(KeyId::from_bits(bits).to_string().parse(), Ok(KeyId::from_bits(bits)));
        prop_assert_eq!(CallId::from_bits(bits).to_string().parse(), Ok(CallId::from_bits(bits)));
        prop_assert_eq!(GrantId::from_bits(bits).to_string().parse(), Ok(GrantId::from_bits(bits)));
        prop_assert!(CallId::from_bits(bits).to_string().parse::<KeyId>().is_err(), "no id fits in another's place");
    }

    #[test]
    fn usage_is_cut_to_its_bounds(input: u64, cached_input: u64, output: u64, reasoning: u64) {
        let usage = Usage { input, cached_input, output, reasoning };
        let (bounded, cut) = usage.bounded();
        prop_assert!(bounded.input <= TOKENS_MAX && bounded.output <= TOKENS_MAX);
        prop_assert!(bounded.cached_input <= bounded.input && bounded.reasoning <= bounded.output);
        prop_assert_eq!(cut, bounded != usage);
        prop_assert_eq!(bounded.bounded(), (bounded, false));
        prop_assert_eq!(usage.total(), any_sum(input, output));
    }
}

fn any_sum(a: u64, b: u64) -> u64 {
    u64::try_from(u128::from(a) + u128::from(b)).unwrap_or(u64::MAX)
}

#[test]
fn one_spelling_per_identifier() {
    let id = CallId::from_bits(0xAB);
    let text = "call_000000000000000000000000000000ab";
    assert_eq!(id.to_string(), text);
    let others = [
        "",
        "call_",
        "000000000000000000000000000000ab",
        "call_000000000000000000000000000000AB",
        "call_00000000000000000000000000000ab",
        "call_0000000000000000000000000000000ab",
        "call_+00000000000000000000000000000ab",
        "call-000000000000000000000000000000ab",
        "key_000000000000000000000000000000ab",
        " call_000000000000000000000000000000ab",
    ];
    for other in others {
        assert!(other.parse::<CallId>().is_err(), "{other}");
    }
}

#[test]
fn words_are_read_as_they_are_written() {
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
    }
    for rule in BillingRule::ALL {
        assert_eq!(BillingRule::parse(rule.as_str()), Some(rule));
    }
    for source in UsageSource::ALL {
        assert_eq!(UsageSource::parse(source.as_str()), Some(source));
    }
    assert_eq!(Outcome::parse("completed"), None);
}

#[test]
fn four_bytes_are_a_token() {
    let table = [(0, 0), (1, 1), (4, 1), (5, 2), (u64::MAX, u64::MAX / 4 + 1)];
    for (bytes, tokens) in table {
        assert_eq!(estimate_tokens(bytes), tokens);
    }
}
