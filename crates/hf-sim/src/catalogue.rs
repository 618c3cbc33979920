//! The models, their providers and prices: what `GET /v1/models` serves, and what selection reads.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::dialect::json::object;

/// The built-in catalogue: real-looking entries with optional fields really missing.
const BUILT_IN: &str = include_str!("../fixtures/models.json");

/// A list of models as the router serves it, plus the simulator's own knowledge about them.
///
/// The JSON form is the body of the router's `GET /v1/models`, so a saved reply of the real router is a catalogue.
/// An optional top-level key `sim` (never served) holds what that list does not say; see [`Traits`].
#[derive(Clone, Debug, Deserialize)]
pub struct Catalogue {
    pub(crate) data: Vec<Model>,
    #[serde(default)]
    pub(crate) sim: Traits,
}

/// Why a catalogue was refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The text is not JSON of the expected shape.
    #[error("the catalogue is not a model list: {0}")]
    Shape(#[from] serde_json::Error),
    /// The same model id occurs twice.
    #[error("the catalogue lists `{0}` twice")]
    Twice(String),
}

impl Catalogue {
    /// The catalogue in the crate's `fixtures/models.json`.
    ///
    /// # Panics
    /// Never with the file as committed; a test reads it.
    pub fn built_in() -> Self {
        Self::from_json(BUILT_IN).expect("the built-in catalogue is valid")
    }

    /// Reads a catalogue from JSON text.
    ///
    /// # Errors
    /// When the text is not a model list, or lists a model twice.
    pub fn from_json(text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self = serde_json::from_str(text)?;
        let mut seen = std::collections::HashSet::new();
        match catalogue.data.iter().find(|model| !seen.insert(model.id.as_str())) {
            Some(twice) => Err(CatalogueError::Twice(twice.id.clone())),
            None => Ok(catalogue),
        }
    }

    /// The ids of all models, in the order of the list.
    pub fn model_ids(&self) -> impl Iterator<Item = &str> {
        self.data.iter().map(|model| model.id.as_str())
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::built_in()
    }
}

/// What the simulator knows beyond the served list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traits {
    /// The account's provider order for `:preferred`; providers not named come last.
    pub preferred: Vec<String>,
    /// Models that reason before they answer.
    pub thinking: Vec<String>,
    /// Models that exist on the Hub and are not chat models.
    pub not_chat: Vec<String>,
    /// Pairs that were dropped and answer 410 when pinned.
    pub retired: Vec<Retired>,
    /// Models that make embeddings.
    pub embeddings: Vec<Embedder>,
    /// Models that complete prompts.
    pub completions: Vec<Completer>,
    /// Models whose repository has no tokenizer.
    pub no_tokenizer: Vec<String>,
    /// Models whose files are not at the Hub itself: it answers with where they are.
    pub files_elsewhere: Vec<String>,
}

/// A model that makes embeddings at a provider.
#[derive(Clone, Debug, Deserialize)]
pub struct Embedder {
    /// Its name at the provider, which is the Hub id at some.
    pub model: String,
    /// The provider id.
    pub provider: String,
    /// Numbers of a vector.
    pub dimensions: usize,
}

/// A model that completes prompts at a provider.
#[derive(Clone, Debug, Deserialize)]
pub struct Completer {
    /// Its name at the provider, which is the Hub id at some.
    pub model: String,
    /// The provider id.
    pub provider: String,
    /// Tokens of the longest prompt.
    pub context_length: Option<u64>,
}

/// A model that a provider no longer serves.
#[derive(Clone, Debug, Deserialize)]
pub struct Retired {
    /// The Hub id.
    pub model: String,
    /// The provider id.
    pub provider: String,
}

/// Whether the router's probes find a provider working for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In the list that automatic selection picks from.
    Live,
    /// Flagged by the last probe: only a pinned call reaches it.
    Error,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Model {
    pub(crate) id: String,
    #[serde(flatten)]
    about: Map<String, Value>,
    #[serde(rename = "providers")]
    pub(crate) offers: Vec<Offer>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) provider: String,
    pub(crate) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pricing: Option<Pricing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) throughput: Option<Number>,
    #[serde(flatten)]
    about: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pricing {
    input: Number,
    pub(crate) output: Number,
}

/// A catalogue made ready to be served: an index, and the JSON of the list and of each entry.
pub(crate) struct Listing {
    pub(crate) catalogue: Catalogue,
    pub(crate) list_json: Bytes,
    index: HashMap<String, usize>,
}

impl Listing {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        let index = catalogue.data.iter().enumerate().map(|(at, model)| (model.id.clone(), at)).collect();
        // A list of maps with text keys can always be written.
        let models = serde_json::to_string(&catalogue.data).unwrap_or_default();
        let list_json = object(&[("object", "\"list\""), ("data", &models)]);
        Self { list_json: list_json.into(), index, catalogue }
    }

    pub(crate) fn model(&self, id: &str) -> Option<&Model> {
        self.index.get(id).map(|&at| &self.catalogue.data[at])
    }

    /// The list with one pair's status changed; `None` when there is no such pair.
    pub(crate) fn with_status(&self, model: &str, provider: &str, status: Status) -> Option<Self> {
        let mut catalogue = self.catalogue.clone();
        let model = &mut catalogue.data[*self.index.get(model)?];
        model.offers.iter_mut().find(|offer| offer.provider == provider)?.status = status;
        Some(Self::new(catalogue))
    }
}
