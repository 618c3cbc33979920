//! How much money a call reserves before it is sent, and what to do when the caller named no output limit.

use crate::money::Money;
use crate::price::Price;

/// The least output that is worth a call. A balance that affords less is answered 402.
pub const OUTPUT_TOKENS_FLOOR: u64 = 256;

/// The largest output limit that is written into a call that names none: long enough for an answer, and a hold that
/// does not block the rest of the balance.
pub const OUTPUT_TOKENS_DEFAULT: u64 = 8_192;

/// What bounds the cost of one call, known before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallBound {
    /// The most tokens that the prompt can have.
    pub input_tokens: u64,
    /// The output limit per choice that the caller named.
    pub output_tokens: Option<u64>,
    /// Choices asked for, at least 1.
    pub n: u32,
}

/// A hold to take, and the output limit to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The worst case of the call at the quoted price.
    pub amount: Money,
    /// The output limit per choice that the forwarded body must carry.
    pub output_tokens: u64,
    /// Whether the limit is ours: the caller named none.
    pub clamped: bool,
}

/// The balance does not pay for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unaffordable {
    /// What the call would reserve.
    pub needed: Money,
    /// The output limit per choice that the balance would pay for.
    pub affordable_output_tokens: u64,
}

impl CallBound {
    /// The bound where nobody serves a prompt of more than `tokens`; `None` where that is not known.
    #[must_use]
    pub fn with_prompt_within(self, tokens: Option<u64>) -> CallBound {
        CallBound {
            input_tokens: tokens.map_or(self.input_tokens, |most| self.input_tokens.min(most)),
            ..self
        }
    }

    /// Quotes a hold at `price` for an account that has `available`; `None` means that it has no cap.
    ///
    /// `context_length` bounds the output limit of a call that names none. Without a limit from the caller the quote
    /// is cut to what the balance pays for, but not below [`OUTPUT_TOKENS_FLOOR`].
    pub fn quote(
        &self,
        price: &Price,
        context_length: Option<u64>,
        available: Option<Money>,
    ) -> Result<Quote, Unaffordable> {
        let input = self.input_tokens;
        let affordable = available.and_then(|budget| price.affordable_output(budget, input, self.n));
        let fits = |output: u64| affordable.is_none_or(|limit| output <= limit);
        let quote = |output_tokens: u64, clamped: bool| Quote {
            amount: price.worst_case(input, output_tokens, self.n),
            output_tokens,
            clamped,
        };
        let refuse = |output: u64| Unaffordable {
            needed: price.worst_case(input, output, self.n),
            affordable_output_tokens: affordable.unwrap_or(0),
        };
        if let Some(asked) = self.output_tokens {
            // A server may make a token of a limit of nothing.
            let asked = asked.max(1);
            return if fits(asked) { Ok(quote(asked, false)) } else { Err(refuse(asked)) };
        }
        let most = default_output(context_length, self.input_tokens);
        let limit = affordable.map_or(most, |limit| limit.min(most));
        let floor = OUTPUT_TOKENS_FLOOR.min(most);
        if limit < floor { Err(refuse(floor)) } else { Ok(quote(limit, true)) }
    }
}

/// The output limit for a call that names none: what the context leaves beside the prompt, at most a quarter of it
/// when the prompt bound is too coarse to leave anything.
fn default_output(context_length: Option<u64>, input_tokens: u64) -> u64 {
    match context_length {
        None => OUTPUT_TOKENS_DEFAULT,
        Some(context) => {
            context.saturating_sub(input_tokens).max(context / 4).clamp(1, OUTPUT_TOKENS_DEFAULT)
        }
    }
}
