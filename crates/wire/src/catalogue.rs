//! Lists of models: of the Hugging Face router, with providers and prices, and of any OpenAI-compatible server.
//!
//! Prices are read from the digits as they were written; no float is involved.

use domain::decimal::{self, Excess};
use domain::{Price, Pricing};
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::json::{self, Unreadable};

/// The most models of one list. The Hugging Face router has about 140.
pub const MODELS_MAX: usize = 20_000;

/// The most providers of one model. The Hugging Face router has 19.
const OFFERS_MAX: usize = 200;

/// The most kinds of input that a model can have.
const MODALITIES_MAX: usize = 100;

/// Why a list could not be read.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// Not JSON.
    #[error("the list of models is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// No array of models in it.
    #[error("the list of models has no array 'data'")]
    NoData,
    /// More than [`MODELS_MAX`] models.
    #[error("the list of models has more than {MODELS_MAX} entries")]
    TooMany,
    /// There are entries, but not one is a model.
    #[error("none of the {entries} entries of the list is a model")]
    NothingReadable {
        /// How many entries there are.
        entries: usize,
    },
}

/// One model of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id; never empty.
    pub id: String,
    /// When it was made, in seconds since 1970; 0 where nobody said.
    pub created: i64,
    /// Who made it; may be empty.
    pub owned_by: String,
    /// Whether it takes images, where somebody said.
    pub vision: Option<bool>,
    /// Tokens of prompt and answer together, where the list says so for the model itself.
    pub context_length: Option<u64>,
    /// Who serves it; always empty in a list of an OpenAI-compatible server.
    pub offers: Vec<ListedOffer>,
}

/// One model at one of the router's providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOffer {
    /// The provider's id at the router; never empty.
    pub inference_provider: String,
    /// Whether the router's probes found it working.
    pub live: bool,
    /// Tokens of prompt and answer together.
    pub context_length: Option<u64>,
    /// What is known of its price.
    pub pricing: Pricing,
    /// Whether it takes tools; missing is not "no".
    pub tools: Option<bool>,
    /// Whether it honours a JSON schema; missing is not "no".
    pub structured_output: Option<bool>,
    /// Milliseconds to the first token, at the last probe.
    pub first_token_latency_ms: Option<u64>,
    /// Output tokens per 1,000 seconds, at the last probe.
    pub throughput_milli: Option<u64>,
}

/// Reads `GET /v1/models` of the Hugging Face router. Entries that are no model are left out.
///
/// # Errors
/// When the list as a whole cannot be read.
pub fn parse_hugging_face(body: &[u8]) -> Result<Vec<ListedModel>, CatalogueError> {
    models(body, |raw| {
        let mut model = listed(raw)?;
        model.offers = offers(raw);
        Some(model)
    })
}

/// Reads `GET /v1/models` of an OpenAI-compatible server. Entries that are no model are left out.
///
/// # Errors
/// When the list as a whole cannot be read.
pub fn parse_openai(body: &[u8]) -> Result<Vec<ListedModel>, CatalogueError> {
    models(body, listed)
}

fn models(
    body: &[u8],
    read: impl Fn(&str) -> Option<ListedModel>,
) -> Result<Vec<ListedModel>, CatalogueError> {
    let text = str::from_utf8(body).map_err(|_| CatalogueError::NoData)?.trim_ascii();
    let list = if text.starts_with('[') {
        text
    } else {
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(CatalogueError::NotJson)?;
        envelope.data.ok_or(CatalogueError::NoData)?.get()
    };
    let entries = json::elements(list, MODELS_MAX).map_err(|error| match error {
        Unreadable::TooMany => CatalogueError::TooMany,
        Unreadable::Json(error) if error.is_data() => CatalogueError::NoData,
        Unreadable::Json(error) => CatalogueError::NotJson(error),
    })?;
    let models: Vec<ListedModel> = entries.iter().filter_map(|entry| read(entry)).collect();
    if models.is_empty() && !entries.is_empty() {
        return Err(CatalogueError::NothingReadable { entries: entries.len() });
    }
    Ok(models)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// A model as it is written. Every leaf is raw, so that one odd value does not lose the model.
#[derive(Deserialize)]
struct RawModel<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    owned_by: Option<&'a RawValue>,
    #[serde(borrow)]
    architecture: Option<&'a RawValue>,
    #[serde(borrow)]
    providers: Option<&'a RawValue>,
    #[serde(borrow)]
    context_length: Option<&'a RawValue>,
    #[serde(borrow)]
    context_window: Option<&'a RawValue>,
    /// vLLM.
    #[serde(borrow)]
    max_model_len: Option<&'a RawValue>,
    /// llama.cpp.
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawOffer<'a> {
    #[serde(borrow)]
    provider: &'a RawValue,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    context_length: Option<&'a RawValue>,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
    #[serde(borrow)]
    is_free: Option<&'a RawValue>,
    #[serde(borrow)]
    supports_tools: Option<&'a RawValue>,
    #[serde(borrow)]
    supports_structured_output: Option<&'a RawValue>,
    #[serde(borrow)]
    first_token_latency_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    throughput: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawPricing<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow)]
    output: &'a RawValue,
}

#[derive(Deserialize)]
struct Architecture<'a> {
    #[serde(borrow)]
    input_modalities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    n_ctx_train: Option<&'a RawValue>,
}

fn listed(raw: &str) -> Option<ListedModel> {
    let model: RawModel<'_> = serde_json::from_str(raw).ok()?;
    let meta = model.meta.and_then(|meta| serde_json::from_str::<Meta<'_>>(meta.get()).ok());
    let context_length = [model.context_length, model.max_model_len, model.context_window]
        .into_iter()
        .chain([meta.and_then(|meta| meta.n_ctx_train)])
        .find_map(positive);
    Some(ListedModel {
        id: json::string(model.id.get()).filter(|id| !id.is_empty())?.into_owned(),
        created: model.created.and_then(|raw| raw.get().parse().ok()).unwrap_or(0),
        owned_by: model.owned_by.and_then(|raw| json::string(raw.get())).unwrap_or_default().into_owned(),
        vision: model.architecture.and_then(|raw| vision(raw.get())),
        context_length,
        offers: Vec::new(),
    })
}

fn offers(raw: &str) -> Vec<ListedOffer> {
    let model = serde_json::from_str::<RawModel<'_>>(raw).ok();
    let list = model.and_then(|model| model.providers).map_or("[]", |list| list.get());
    let entries = json::elements(list, OFFERS_MAX).unwrap_or_default();
    entries.iter().filter_map(|entry| offer(entry)).collect()
}

fn offer(raw: &str) -> Option<ListedOffer> {
    let offer: RawOffer<'_> = serde_json::from_str(raw).ok()?;
    let free = boolean(offer.is_free) == Some(true);
    Some(ListedOffer {
        inference_provider: json::string(offer.provider.get()).filter(|id| !id.is_empty())?.into_owned(),
        live: offer.status.is_some_and(|status| status.get() == "\"live\""),
        context_length: positive(offer.context_length),
        pricing: if free { Pricing::Free } else { pricing(offer.pricing) },
        tools: boolean(offer.supports_tools),
        structured_output: boolean(offer.supports_structured_output),
        first_token_latency_ms: scaled(offer.first_token_latency_ms, 1),
        throughput_milli: scaled(offer.throughput, 1_000),
    })
}

/// The price in US dollars per million tokens; unpriced unless both rates are there and make sense.
fn pricing(raw: Option<&RawValue>) -> Pricing {
    let read = || {
        let raw: RawPricing<'_> = serde_json::from_str(raw?.get()).ok()?;
        let rate = |raw: &RawValue| raw.get().trim_matches('"').parse().ok();
        Some(Price { input: rate(raw.input)?, output: rate(raw.output)?, cached_input: None })
    };
    read().map_or(Pricing::Unpriced, Pricing::Priced)
}

fn vision(architecture: &str) -> Option<bool> {
    let architecture: Architecture<'_> = serde_json::from_str(architecture).ok()?;
    let kinds = json::elements(architecture.input_modalities?.get(), MODALITIES_MAX).ok()?;
    Some(kinds.iter().any(|kind| matches!(*kind, "\"image\"" | "\"vision\"")))
}

fn boolean(raw: Option<&RawValue>) -> Option<bool> {
    match raw?.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn positive(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok().filter(|value| *value > 0)
}

/// A decimal number, times `factor`, rounded down.
fn scaled(raw: Option<&RawValue>, factor: u64) -> Option<u64> {
    let nanos = decimal::parse_nanos(raw?.get(), Excess::RoundUp).ok()?;
    let value = u128::from(nanos) * u128::from(factor) / u128::from(decimal::NANOS_PER_UNIT);
    u64::try_from(value).ok()
}
