//! Counted tokens.

/// The most tokens of one kind that one call can have. Larger reports are lies and are cut down to it.
pub const TOKENS_MAX: u64 = 1 << 32;

/// Tokens by kind. `cached_input` is a part of `input`, and `reasoning` a part of `output`, as at OpenAI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input: u64,
    /// Tokens of the prompt that the upstream read from its cache.
    pub cached_input: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// Tokens of the answer that are reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// The total, as OpenAI counts it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// This usage with every part within its bound, and whether anything had to be cut.
    #[must_use]
    pub fn bounded(self) -> (Usage, bool) {
        let input = self.input.min(TOKENS_MAX);
        let output = self.output.min(TOKENS_MAX);
        let bounded = Usage {
            input,
            cached_input: self.cached_input.min(input),
            output,
            reasoning: self.reasoning.min(output),
        };
        (bounded, bounded != self)
    }
}

/// Where a usage comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The upstream reported it.
    Reported,
    /// The gateway counted what it relayed.
    Estimated,
    /// Nothing was generated.
    None,
}

impl UsageSource {
    /// Every source.
    pub const ALL: [UsageSource; 3] = [UsageSource::Reported, UsageSource::Estimated, UsageSource::None];

    /// The word on receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            UsageSource::Reported => "reported",
            UsageSource::Estimated => "estimated",
            UsageSource::None => "none",
        }
    }

    /// The source of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<UsageSource> {
        UsageSource::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// Bytes of text that a token is taken for where nobody counts them: a rule of thumb.
pub const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that a text of `bytes` bytes is taken for, at [`BYTES_PER_TOKEN`] each, rounded up.
#[must_use]
pub fn estimate_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}
