//! Prices, and what a usage costs at a price.

use std::fmt;
use std::str::FromStr;

use crate::decimal::{self, DecimalError, Excess};
use crate::money::Money;
use crate::usage::Usage;

/// Tokens that one rate is quoted for.
const TOKENS_PER_RATE: u128 = 1_000_000;

/// Nano-US-dollars per million tokens. Any published price is exact in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// Costs nothing.
    pub const ZERO: Rate = Rate(0);
    /// The dearest rate that is believed: $1,000,000 per million tokens. More is a mistake in a catalogue.
    pub const MAX: Rate = Rate(1_000_000 * decimal::NANOS_PER_UNIT);

    /// A rate of nano-dollars per million tokens; `None` above [`Rate::MAX`].
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Option<Rate> {
        if nanos > Rate::MAX.0 { None } else { Some(Rate(nanos)) }
    }

    /// Nano-dollars per million tokens.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

/// US dollars per million tokens: `0.10`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal::format_nanos(self.0))
    }
}

/// Reads US dollars per million tokens. Digits beyond the ninth round up: they are the noise of somebody's float.
impl FromStr for Rate {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Rate, DecimalError> {
        Rate::from_nanos(decimal::parse_nanos(text, Excess::RoundUp)?).ok_or(DecimalError::TooLarge)
    }
}

/// The rates of one offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    /// For input tokens.
    pub input: Rate,
    /// For output tokens, reasoning included.
    pub output: Rate,
    /// For the input tokens that the upstream read from its cache; the input rate where it is not published.
    pub cached_input: Option<Rate>,
}

impl Price {
    /// Costs nothing.
    pub const FREE: Price = Price { input: Rate::ZERO, output: Rate::ZERO, cached_input: None };

    /// The cost of `usage`: the exact sum, divided once, rounded up to the nano-dollar, capped at [`Money::MAX`].
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Money {
        let cached = usage.cached_input.min(usage.input);
        let sum = times(usage.input - cached, self.input)
            .saturating_add(times(cached, self.cached_rate()))
            .saturating_add(times(usage.output, self.output));
        Money::saturating_from(sum.div_ceil(TOKENS_PER_RATE))
    }

    /// How many output tokens `budget` pays for, beside `input` uncached input tokens, for each of `n` choices.
    /// `None` means that any number is paid for, because output is free here.
    #[must_use]
    pub fn affordable_output(&self, budget: Money, input: u64, n: u32) -> Option<u64> {
        let budget = u128::from(budget.nanos().unsigned_abs()) * TOKENS_PER_RATE;
        let input_cost = times(input, self.dearest_input());
        if input_cost > budget {
            return Some(0);
        }
        let per_token = u128::from(self.output.0) * u128::from(n.max(1));
        if per_token == 0 {
            return None;
        }
        Some(u64::try_from((budget - input_cost) / per_token).unwrap_or(u64::MAX))
    }

    /// The worst case of `input` tokens in and `n × output` tokens out, cache or no cache.
    #[must_use]
    pub fn worst_case(&self, input: u64, output: u64, n: u32) -> Money {
        let all_output = output.saturating_mul(u64::from(n));
        let sum = times(input, self.dearest_input()).saturating_add(times(all_output, self.output));
        Money::saturating_from(sum.div_ceil(TOKENS_PER_RATE))
    }

    /// The dearest of both, rate by rate.
    #[must_use]
    pub fn dearest(self, other: Price) -> Price {
        let published = self.cached_input.is_some() || other.cached_input.is_some();
        let cached_input = published.then(|| self.cached_rate().max(other.cached_rate()));
        Price { input: self.input.max(other.input), output: self.output.max(other.output), cached_input }
    }

    fn cached_rate(&self) -> Rate {
        self.cached_input.unwrap_or(self.input)
    }

    fn dearest_input(&self) -> Rate {
        self.input.max(self.cached_rate())
    }
}

/// What is known of an offer's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pricing {
    /// A published or configured price.
    Priced(Price),
    /// Explicitly free.
    Free,
    /// Nobody said. Refused to accounts that pay.
    Unpriced,
}

impl Pricing {
    /// The price to hold and to charge at; `None` when nobody said.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        match self {
            Pricing::Priced(price) => Some(*price),
            Pricing::Free => Some(Price::FREE),
            Pricing::Unpriced => None,
        }
    }
}

fn times(tokens: u64, rate: Rate) -> u128 {
    u128::from(tokens) * u128::from(rate.0)
}
