//! The record of one call, as it is when the call ends: what is charged, counted, told and kept of it.

use std::sync::Arc;

use crate::escrow::Settled;
use crate::ids::{AccountId, CallId, KeyId};
use crate::money::Money;
use crate::outcome::{BillingRule, Outcome};
use crate::price::Price;
use crate::usage::{Usage, UsageSource};

/// The dialects that a receipt can name.
pub const DIALECTS: [&str; 5] = ["chat", "responses", "messages", "completions", "embeddings"];

/// What is known of a call when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The call. Ids are ordered in time, so receipts are listed by them.
    pub call: CallId,
    /// Who pays.
    pub account: AccountId,
    /// The key that authenticated.
    pub key: KeyId,
    /// When the call was accepted, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// One of [`DIALECTS`].
    pub dialect: &'static str,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The model as the client wrote it.
    pub model_asked: String,
    /// The model that answered, as its provider calls it.
    pub model_served: Option<String>,
    /// The provider that answered: `huggingface`.
    pub provider: Option<Arc<str>>,
    /// Which of Hugging Face's own providers answered, where it said so.
    pub inference_provider: Option<String>,
    /// Why the route was what it was.
    pub route_reason: String,
    /// The tokens that are charged.
    pub usage: Usage,
    /// Where the tokens come from.
    pub usage_source: UsageSource,
    /// Whether the upstream's usage contradicted itself or was cut to a bound.
    pub usage_suspect: bool,
    /// The price of the offer that answered.
    pub price: Option<Price>,
    /// The usage at that price; `None` when the price is unknown, and then nothing is charged.
    pub cost: Option<Money>,
    /// How the call ended.
    pub outcome: Outcome,
    /// The rule that chose the tokens.
    pub rule: BillingRule,
    /// The HTTP status that the client got.
    pub status: u16,
    /// The error's code, as the client saw it.
    pub error_code: Option<String>,
    /// Microseconds from acceptance to the first token; `None` for an answer in one piece.
    pub first_token_us: Option<u64>,
    /// Microseconds from acceptance to the end.
    pub total_us: u64,
    /// Tries at offers.
    pub attempts: u32,
    /// The upstream's finish reason.
    pub finish_reason: Option<String>,
    /// The upstream's id of the answer.
    pub upstream_id: Option<String>,
    /// The client's name for the conversation that the call belongs to.
    pub session: Option<String>,
    /// The client's name for the purpose that the call serves.
    pub label: Option<String>,
}

/// The error code of an answer that could not be settled in time.
pub const BILLING_UNAVAILABLE: &str = "billing_unavailable";

impl Receipt {
    /// Makes a complete answer one that was withheld, because its charge was not stored in time.
    ///
    /// A whole one was never delivered: its status becomes 503, and it is free. A stream was delivered but for its
    /// end: it keeps its cost. Every other ending stays as it is, since it was told as an error anyway.
    pub fn withdraw(&mut self) {
        if self.outcome != Outcome::Complete {
            return;
        }
        self.outcome = Outcome::Unsettled;
        self.error_code = Some(BILLING_UNAVAILABLE.to_owned());
        if !self.stream {
            self.status = 503;
            self.rule = BillingRule::Waived;
            self.usage = Usage::default();
            self.usage_source = UsageSource::None;
            self.cost = Some(Money::ZERO);
        }
    }

    /// Whether the answer is kept for those who repeat the request: one that is charged for always is, so that nobody
    /// pays twice, and a free one if it is complete and was not given up.
    #[must_use]
    pub fn keeps_answer(&self, settled: Settled, complete: bool) -> bool {
        !settled.charge.is_zero() || (complete && self.rule != BillingRule::Waived)
    }

    /// What limits and quotas count: the tokens of prompt and answer.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.usage.total()
    }

    /// What the call comes to under a hold of `held`.
    #[must_use]
    pub fn settled(&self, held: Money) -> Settled {
        Settled::of(held, self.cost.unwrap_or(Money::ZERO))
    }

    /// Output tokens per second, in thousandths. `None` when no time passed.
    #[must_use]
    pub fn output_milli_tokens_per_second(&self) -> Option<u64> {
        output_milli_tokens_per_second(self.usage.output, self.first_token_us, self.total_us)
    }
}

/// Output tokens per second, in thousandths: from the first token to the end, or over the whole call where the answer
/// came in one piece. `None` when no time passed.
#[must_use]
pub fn output_milli_tokens_per_second(
    output_tokens: u64,
    first_token_us: Option<u64>,
    total_us: u64,
) -> Option<u64> {
    let generating_us = total_us.checked_sub(first_token_us.unwrap_or(0))?;
    let milli_tokens_us = u128::from(output_tokens) * 1_000_000_000;
    u64::try_from(milli_tokens_us.checked_div(u128::from(generating_us))?).ok()
}
