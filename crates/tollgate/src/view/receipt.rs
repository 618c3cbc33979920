//! Receipts as JSON.

use domain::{Price, Usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::StoredReceipt;

use super::number::Thousandths;
use crate::time::rfc3339;

/// The record of one call.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct ReceiptView {
    /// `call_…`.
    pub call_id: String,
    /// Who pays.
    pub account_id: String,
    /// The key that authenticated.
    pub key_id: String,
    /// When the call was accepted.
    pub started_at: String,
    /// When it was committed.
    pub settled_at: String,
    /// `chat`, `responses`, `messages` or `completions`.
    pub dialect: String,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The model as the client wrote it.
    pub model_asked: String,
    /// The model that answered, as its provider calls it.
    pub model_served: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// Which of Hugging Face's own providers answered.
    pub inference_provider: Option<String>,
    /// Why the route was what it was.
    pub route_reason: String,
    /// The tokens that are charged.
    pub usage: TokensView,
    /// `reported`, `estimated` or `none`.
    pub usage_source: String,
    /// Whether the upstream's usage contradicted itself or was cut to a bound.
    pub usage_suspect: bool,
    /// The price of the offer that answered.
    pub price: Option<PriceView>,
    /// The usage at that price.
    pub cost: Option<String>,
    /// What was reserved.
    pub hold: String,
    /// What the account paid: at most the hold.
    pub charge: String,
    /// The part of the cost above the hold, which nobody pays.
    pub uncollected: String,
    /// How the call ended.
    pub outcome: String,
    /// The rule that chose the tokens.
    pub rule: String,
    /// The HTTP status that the client got.
    pub status: u16,
    /// The error's code, as the client saw it.
    pub error_code: Option<String>,
    /// From acceptance to the first token.
    pub first_token_ms: Option<Thousandths>,
    /// From acceptance to the end.
    pub total_ms: Option<Thousandths>,
    /// From the first token to the end.
    pub output_tokens_per_second: Option<Thousandths>,
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

/// Tokens by kind.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct TokensView {
    /// Of the prompt.
    pub input_tokens: u64,
    /// Of those, read from the upstream's cache.
    pub cached_input_tokens: u64,
    /// Of the answer.
    pub output_tokens: u64,
    /// Of those, reasoning.
    pub reasoning_tokens: u64,
}

/// US dollars per million tokens.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct PriceView {
    /// Of the prompt.
    pub input: String,
    /// Of the answer.
    pub output: String,
    /// Of prompt tokens read from the upstream's cache.
    pub cached_input: Option<String>,
}

impl ReceiptView {
    /// The receipt as stored.
    #[must_use]
    pub fn of(stored: &StoredReceipt) -> ReceiptView {
        let receipt = &stored.receipt;
        ReceiptView {
            call_id: receipt.call.to_string(),
            account_id: receipt.account.to_string(),
            key_id: receipt.key.to_string(),
            started_at: rfc3339(receipt.started_at_ms),
            settled_at: rfc3339(stored.settled_at_ms),
            dialect: receipt.dialect.to_owned(),
            stream: receipt.stream,
            model_asked: receipt.model_asked.clone(),
            model_served: receipt.model_served.clone(),
            provider: receipt.provider.as_deref().map(str::to_owned),
            inference_provider: receipt.inference_provider.clone(),
            route_reason: receipt.route_reason.clone(),
            usage: TokensView::of(&receipt.usage),
            usage_source: receipt.usage_source.as_str().to_owned(),
            usage_suspect: receipt.usage_suspect,
            price: receipt.price.as_ref().map(PriceView::of),
            cost: receipt.cost.map(|cost| cost.to_string()),
            hold: stored.hold.to_string(),
            charge: stored.charge.to_string(),
            uncollected: stored.uncollected.to_string(),
            outcome: receipt.outcome.as_str().to_owned(),
            rule: receipt.rule.as_str().to_owned(),
            status: receipt.status,
            error_code: receipt.error_code.clone(),
            first_token_ms: receipt.first_token_us.and_then(Thousandths::new),
            total_ms: Thousandths::new(receipt.total_us),
            output_tokens_per_second: receipt.output_milli_tokens_per_second().and_then(Thousandths::new),
            attempts: receipt.attempts,
            finish_reason: receipt.finish_reason.clone(),
            upstream_id: receipt.upstream_id.clone(),
            session: receipt.session.clone(),
            label: receipt.label.clone(),
        }
    }
}

impl TokensView {
    /// The tokens by kind.
    #[must_use]
    pub fn of(usage: &Usage) -> TokensView {
        TokensView {
            input_tokens: usage.input,
            cached_input_tokens: usage.cached_input,
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
        }
    }
}

impl PriceView {
    /// The rates in decimal dollars.
    #[must_use]
    pub fn of(price: &Price) -> PriceView {
        PriceView {
            input: price.input.to_string(),
            output: price.output.to_string(),
            cached_input: price.cached_input.map(|rate| rate.to_string()),
        }
    }
}
