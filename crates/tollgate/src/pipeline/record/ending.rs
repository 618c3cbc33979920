//! How a record ends: what the call comes to, by its outcome and what was counted.

use std::sync::atomic::Ordering;

use domain::outcome::{Billable, bill};
use domain::usage::estimate_tokens;
use domain::{BillingRule, Money, Outcome, Usage, UsageSource};
use wire::chat::Tally;

use super::{Record, micros};
use crate::config::AbortPolicy;
use crate::error::{ApiError, Failure};
use crate::pipeline::closed::Closed;

impl Record {
    /// Closes a call that was never sent, and waits until its receipt is stored.
    pub(in crate::pipeline) async fn refuse(mut self, error: &ApiError) {
        self.receipt.status = error.status.as_u16();
        self.receipt.error_code = error.code().map(str::to_owned);
        // It never began, so nothing of it counts, and its place is free now and not after a commit.
        self.admission.give_back();
        let closed = self.close(Outcome::Refused, None);
        // Nothing is charged, so the answer does not depend on the receipt.
        let _ = closed.settle().await;
    }

    /// Closes a call that failed at the upstream.
    pub(in crate::pipeline) fn fail(mut self, failure: &Failure, tally: Option<&Tally>) -> Closed {
        let error = ApiError::from(failure);
        // A stream that had begun was answered 200, whatever came after.
        let begun = tally.is_some() || self.begun.load(Ordering::Relaxed);
        self.receipt.status = if begun { 200 } else { error.status.as_u16() };
        self.receipt.error_code = error.code().map(str::to_owned);
        self.close(failure.outcome(), tally)
    }

    /// Closes a call whose answer is whole, or whose client has left.
    pub(in crate::pipeline) fn finish(mut self, outcome: Outcome, tally: &Tally) -> Closed {
        self.receipt.status = 200;
        self.close(outcome, Some(tally))
    }

    fn close(mut self, outcome: Outcome, tally: Option<&Tally>) -> Closed {
        let billable = self.billable(outcome, tally);
        let receipt = &mut self.receipt;
        receipt.outcome = outcome;
        receipt.rule = billable.rule;
        receipt.usage = billable.usage;
        receipt.usage_source = billable.source;
        receipt.price = self.price;
        receipt.cost = match (self.price, billable.source) {
            (_, UsageSource::None) => Some(Money::ZERO),
            (Some(price), _) => Some(price.cost(&billable.usage)),
            (None, _) => None,
        };
        receipt.total_us = micros(self.started.elapsed());
        if let Some(tally) = tally {
            receipt.usage_suspect = tally.usage_suspect;
            receipt.finish_reason = tally.finish_reason.as_ref().map(ToString::to_string);
            receipt.upstream_id.clone_from(&tally.upstream_id);
        }
        self.admission.traced(self.trace.take());
        let at_ms = self.clock.now_ms();
        let Record { admission, receipt, settle_max, tape, voice, .. } = self;
        Closed { admission, receipt, settle_max, tape, billable, voice, at_ms }
    }

    fn billable(&self, outcome: Outcome, tally: Option<&Tally>) -> Billable {
        let nothing = Billable {
            usage: Usage::default(),
            source: UsageSource::None,
            rule: BillingRule::NothingGenerated,
        };
        if outcome == Outcome::ClientGone && self.abort == AbortPolicy::Void {
            return Billable { rule: BillingRule::Waived, ..nothing };
        }
        let Some(tally) = tally else {
            return bill(outcome, None, Usage::default());
        };
        let relayed = Usage {
            input: self.prompt_tokens_estimate,
            output: estimate_tokens(tally.relayed_bytes),
            ..Usage::default()
        };
        let billable = bill(outcome, tally.report(), relayed);
        let free = billable.rule == BillingRule::NothingGenerated;
        if free && outcome == Outcome::ClientGone && tally.answers_without_tokens() {
            // The rule for endings without output is not for these: what was asked for came, and has no tokens.
            let whole = bill(Outcome::Complete, tally.report(), relayed);
            let reported = whole.rule == BillingRule::Reported;
            return Billable { rule: if reported { BillingRule::Drained } else { whole.rule }, ..whole };
        }
        billable
    }
}
