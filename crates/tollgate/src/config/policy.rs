//! What a provider's row decides: how its models are learnt, how long it is waited for, what an abandoned answer costs.

use std::time::Duration;

use super::error::ConfigError;
use super::section::Section;
use super::server::DEADLINE_MS_MAX;

/// What a row that says nothing gets: generous to slow models, and still an end to everything.
const TIMEOUTS_DEFAULT: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(600),
};
/// How the models of a provider are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogueKind {
    /// From its `/models`, in the Hugging Face router's shape, with prices per inference provider.
    HuggingFace,
    /// From its `/models`, in OpenAI's shape: names only, unpriced unless `[models]` prices them.
    OpenAi,
    /// From `[models]` alone.
    None,
}

impl CatalogueKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CatalogueKind::HuggingFace => "huggingface",
            CatalogueKind::OpenAi => "openai",
            CatalogueKind::None => "none",
        }
    }
}

/// What becomes of an answer whose client left in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortPolicy {
    /// Read on to the upstream's usage, up to a cap, and charge that.
    Drain,
    /// Stop the upstream and charge what was relayed.
    Estimate,
    /// Stop the upstream and charge nothing.
    Void,
}

impl AbortPolicy {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AbortPolicy::Drain => "drain",
            AbortPolicy::Estimate => "estimate",
            AbortPolicy::Void => "void",
        }
    }
}

/// The deadlines of one attempt; each from 1 ms to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To an open connection, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two events of a stream.
    pub idle: Duration,
    /// From the request to the end of the answer.
    pub total: Duration,
}

pub(super) fn read_timeouts(mut section: Section) -> Result<Timeouts, ConfigError> {
    let mut read = |key, default: Duration| {
        section.number(key, 1..=DEADLINE_MS_MAX).map(|ms| ms.map_or(default, Duration::from_millis))
    };
    let timeouts = Timeouts {
        connect: read("connect_ms", TIMEOUTS_DEFAULT.connect)?,
        first_byte: read("first_byte_ms", TIMEOUTS_DEFAULT.first_byte)?,
        idle: read("idle_ms", TIMEOUTS_DEFAULT.idle)?,
        total: read("total_ms", TIMEOUTS_DEFAULT.total)?,
    };
    section.finish()?;
    Ok(timeouts)
}

pub(super) fn parse_catalogue(word: &str) -> Result<CatalogueKind, String> {
    let kinds = [CatalogueKind::HuggingFace, CatalogueKind::OpenAi, CatalogueKind::None];
    let known = kinds.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| format!("must be huggingface, openai or none, not `{word}`"))
}

pub(super) fn parse_abort(word: &str) -> Result<AbortPolicy, String> {
    let policies = [AbortPolicy::Drain, AbortPolicy::Estimate, AbortPolicy::Void];
    let known = policies.into_iter().find(|policy| policy.as_str() == word);
    known.ok_or_else(|| format!("must be drain, estimate or void, not `{word}`"))
}
