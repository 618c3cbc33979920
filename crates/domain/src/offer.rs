//! Offers, and the route of offers that a call tries.

use std::sync::Arc;

use crate::price::{Price, Pricing};

/// What a model can do at a provider; `None` where nobody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Takes tool definitions and calls them.
    pub tools: Option<bool>,
    /// Honours a JSON schema.
    pub structured_output: Option<bool>,
    /// Takes images.
    pub vision: Option<bool>,
}

/// What a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Text that answers text.
    Chat,
    /// Text that goes on from a text, and nothing else: a base model.
    Completions,
    /// Vectors, one for each text.
    Embeddings,
}

impl ModelKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelKind::Chat => "chat",
            ModelKind::Completions => "completions",
            ModelKind::Embeddings => "embeddings",
        }
    }
}

/// One model at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The provider's id in the configuration: `huggingface`.
    pub provider: Arc<str>,
    /// The model's id at the gateway, without a suffix.
    pub model: Arc<str>,
    /// The model's id in the forwarded body, with its suffix where it has one.
    pub upstream_model: Arc<str>,
    /// Which of Hugging Face's own providers serves it, when the suffix pins one.
    pub inference_provider: Option<Arc<str>>,
    /// What it makes; `None` where nobody said, and it may be asked for either.
    pub kind: Option<ModelKind>,
    /// The price to hold at: of this offer, or the dearest live one where the upstream chooses.
    pub pricing: Pricing,
    /// Tokens of prompt and answer together, where known: the least of the live ones where the upstream chooses.
    pub context_length: Option<u64>,
    /// The longest prompt that is served, where known: the largest context where the upstream chooses.
    pub prompt_tokens_max: Option<u64>,
}

/// The ordered offers that a call tries, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in the configuration; `None` when the model was found otherwise.
    pub name: Option<Arc<str>>,
    /// Never empty.
    pub offers: Vec<Offer>,
    /// One line for response headers and receipts: `catalogue: exact id; cheapest of 3`.
    pub reason: String,
}

impl Route {
    /// The price that covers every offer of the route that has one; `None` when none has.
    #[must_use]
    pub fn dearest(&self) -> Option<Price> {
        self.offers.iter().filter_map(|offer| offer.pricing.price()).reduce(Price::dearest)
    }

    /// The smallest known context length of the route.
    #[must_use]
    pub fn context_length(&self) -> Option<u64> {
        self.offers.iter().filter_map(|offer| offer.context_length).min()
    }

    /// The longest prompt that any offer of the route serves; `None` when that is not known of one of them.
    #[must_use]
    pub fn prompt_tokens_max(&self) -> Option<u64> {
        self.offers.iter().try_fold(0, |most, offer| Some(offer.prompt_tokens_max?.max(most)))
    }
}
