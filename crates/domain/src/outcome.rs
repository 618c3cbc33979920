//! How calls end, and which rule decides what an ending costs.

use crate::usage::{Usage, UsageSource};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer was relayed.
    Complete,
    /// Refused by the gateway before anything was sent: a bad request, no credit, an unknown model.
    Refused,
    /// The upstream answered with an error, before or after its first token.
    UpstreamError,
    /// The upstream's stream ended without its end.
    Cut,
    /// The upstream went silent for longer than its deadline.
    Stall,
    /// The call ran into its total deadline.
    Timeout,
    /// The client left before the end.
    ClientGone,
    /// The gateway was stopped.
    Shutdown,
    /// The answer was whole, but its charge was not stored in time, so it ended as an error.
    Unsettled,
}

/// Which rule made the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingRule {
    /// The upstream's own usage was charged.
    Reported,
    /// The upstream gave no usage, or none of all that was relayed: what was relayed was counted and charged.
    Relayed,
    /// Nothing was generated, so nothing was charged.
    NothingGenerated,
    /// The client left, the gateway read on to the upstream's usage and charged that.
    Drained,
    /// The client left and the provider does not bill what a client did not stay for, or a whole answer was withheld
    /// because its charge was not stored in time.
    Waived,
    /// The call never reached an upstream.
    NotSent,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 9] = [
        Outcome::Complete,
        Outcome::Refused,
        Outcome::UpstreamError,
        Outcome::Cut,
        Outcome::Stall,
        Outcome::Timeout,
        Outcome::ClientGone,
        Outcome::Shutdown,
        Outcome::Unsettled,
    ];

    /// The word on receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Refused => "refused",
            Outcome::UpstreamError => "upstream_error",
            Outcome::Cut => "cut",
            Outcome::Stall => "stall",
            Outcome::Timeout => "timeout",
            Outcome::ClientGone => "client_gone",
            Outcome::Shutdown => "shutdown",
            Outcome::Unsettled => "unsettled",
        }
    }

    /// The outcome of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

impl BillingRule {
    /// Every rule.
    pub const ALL: [BillingRule; 6] = [
        BillingRule::Reported,
        BillingRule::Relayed,
        BillingRule::NothingGenerated,
        BillingRule::Drained,
        BillingRule::Waived,
        BillingRule::NotSent,
    ];

    /// The word on receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            BillingRule::Reported => "reported",
            BillingRule::Relayed => "relayed",
            BillingRule::NothingGenerated => "nothing_generated",
            BillingRule::Drained => "drained",
            BillingRule::Waived => "waived",
            BillingRule::NotSent => "not_sent",
        }
    }

    /// The rule of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<BillingRule> {
        BillingRule::ALL.into_iter().find(|rule| rule.as_str() == text)
    }
}

/// What a call is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billable {
    /// The tokens to charge.
    pub usage: Usage,
    /// Where they come from.
    pub source: UsageSource,
    /// The rule that chose them.
    pub rule: BillingRule,
}

/// An upstream's usage of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The tokens.
    pub usage: Usage,
    /// Text was relayed after it, which it may not count.
    pub stale: bool,
}

/// Chooses the tokens to charge for an ending.
///
/// `report` is the upstream's usage, if it gave one; `relayed` is what the gateway counted itself. A complete
/// answer without usage is charged as counted. An ending before any output is free, whatever the upstream says of
/// its prompt: nobody pays for an error. An answer that is not complete may end in mid-count: of a stale report and
/// what was relayed the larger counts, for prompt and answer each.
#[must_use]
pub fn bill(outcome: Outcome, report: Option<Report>, relayed: Usage) -> Billable {
    let nothing =
        Billable { usage: Usage::default(), source: UsageSource::None, rule: BillingRule::NothingGenerated };
    if outcome == Outcome::Refused {
        return Billable { rule: BillingRule::NotSent, ..nothing };
    }
    let generated = relayed.output > 0 || report.is_some_and(|report| report.usage.output > 0);
    if outcome != Outcome::Complete && !generated {
        return nothing;
    }
    let estimated = |usage| Billable { usage, source: UsageSource::Estimated, rule: BillingRule::Relayed };
    let Some(Report { usage, stale }) = report else { return estimated(relayed) };
    if stale && outcome != Outcome::Complete {
        let input = usage.input.max(relayed.input);
        let output = usage.output.max(relayed.output);
        let larger = Usage { input, output, ..usage };
        if larger != usage {
            return estimated(larger);
        }
    }
    let rule = if outcome == Outcome::ClientGone { BillingRule::Drained } else { BillingRule::Reported };
    Billable { usage, source: UsageSource::Reported, rule }
}
