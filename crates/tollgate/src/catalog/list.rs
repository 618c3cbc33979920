//! The model list of the public API: OpenAI's shape, plus price, context length and abilities.

use domain::{ModelKind, Pricing, Rate};
use serde::Serialize;
use utoipa::ToSchema;
use wire::catalogue::{ListedModel, ListedOffer};

use super::Snapshot;
use super::entry::ProviderEntry;
use crate::config::{ModelConfig, RouteConfig};
use crate::time::rfc3339;

/// The last second of the year 9999. RFC 3339 has no later ones.
const SECONDS_MAX: i64 = 253_402_300_799;

/// One model as `GET /v1/models` shows it. Prices are US dollars per million tokens, as decimal strings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelCard {
    /// The id that calls use.
    pub id: String,
    object: &'static str,
    /// Always `model`, where clients of Anthropic look for it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What people call it.
    display_name: String,
    /// In seconds since the Unix epoch; 0 where nobody knows.
    created: i64,
    /// The same in RFC 3339, where clients of Anthropic look for it.
    created_at: String,
    owned_by: String,
    /// The gateway's provider that serves it.
    provider: String,
    context_length: Option<u64>,
    /// The dearest of the offers that a call may be served by; absent when none has a price.
    pricing: Option<PriceCard>,
    supports_tools: Option<bool>,
    supports_structured_output: Option<bool>,
    /// Which calls the model is for, in the words that LiteLLM has for it; `null` where its provider does not say. A
    /// route's is `chat` where one of its offers chats, else what all its offers are for; `null` where they differ.
    mode: Option<ModelMode>,
    input_modalities: Vec<&'static str>,
    /// `text`, or `embeddings` of models that make vectors.
    output_modalities: Vec<&'static str>,
    offers: Vec<OfferCard>,
}

/// Which calls a model is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ModelMode {
    /// Chat, responses, messages, and completions of a prompt.
    Chat,
    /// Completions alone: a base model.
    Completion,
    /// Embeddings alone.
    Embedding,
}

impl From<ModelKind> for ModelMode {
    fn from(kind: ModelKind) -> ModelMode {
        match kind {
            ModelKind::Chat => ModelMode::Chat,
            ModelKind::Completions => ModelMode::Completion,
            ModelKind::Embeddings => ModelMode::Embedding,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct PriceCard {
    input: String,
    output: String,
    free: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct OfferCard {
    inference_provider: String,
    status: &'static str,
    context_length: Option<u64>,
    pricing: Option<PriceCard>,
    supports_tools: Option<bool>,
    supports_structured_output: Option<bool>,
}

impl Snapshot {
    /// Every model, sorted by id. A model that two providers list is shown once, as a call would resolve it.
    #[must_use]
    pub fn models(&self) -> Vec<ModelCard> {
        let mut cards: Vec<ModelCard> = self.routes.values().map(|route| self.route_card(route)).collect();
        for provider in &self.providers {
            cards.extend(provider.configured_models().map(|model| configured_card(provider, model)));
        }
        for provider in &self.providers {
            cards.extend(provider.listed_models().map(|model| listed_card(provider, model)));
        }
        // Stable, so that the first provider's card, which a call would resolve to, is the one that is kept.
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        cards.dedup_by(|later, first| later.id == first.id);
        cards
    }

    /// One model by its id, in any case.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<ModelCard> {
        if let Some(route) = self.routes.get(id) {
            return Some(self.route_card(route));
        }
        let configured = self.providers.iter().find_map(|provider| {
            let mut models = provider.configured_models();
            let model = models.find(|model| model.id.eq_ignore_ascii_case(id))?;
            Some(configured_card(provider, model))
        });
        configured.or_else(|| {
            self.providers
                .iter()
                .find_map(|provider| provider.listed(id).map(|model| listed_card(provider, model)))
        })
    }

    /// A route that may be asked for as a model, at the dearest price of its offers.
    fn route_card(&self, route: &RouteConfig) -> ModelCard {
        let offers = self.resolve_route(route).map(|route| route.offers).unwrap_or_default();
        let dearest = offers.iter().filter_map(|offer| offer.pricing.price()).reduce(domain::Price::dearest);
        let kind = common_kind(offers.iter().map(|offer| offer.kind));
        ModelCard {
            id: route.name.to_string(),
            object: "model",
            kind: "model",
            display_name: route.name.to_string(),
            created: 0,
            created_at: created_at(0),
            owned_by: "route".to_owned(),
            provider: offers.first().map_or_else(String::new, |offer| offer.provider.to_string()),
            context_length: offers.iter().filter_map(|offer| offer.context_length).min(),
            pricing: dearest.and_then(|price| price_card(&Pricing::Priced(price))),
            supports_tools: None,
            supports_structured_output: None,
            mode: kind.map(ModelMode::from),
            input_modalities: modalities(None),
            output_modalities: made(kind),
            offers: Vec::new(),
        }
    }
}

fn configured_card(provider: &ProviderEntry, model: &ModelConfig) -> ModelCard {
    ModelCard {
        id: model.id.to_string(),
        object: "model",
        kind: "model",
        display_name: model.id.to_string(),
        created: 0,
        created_at: created_at(0),
        owned_by: provider.id.to_string(),
        provider: provider.id.to_string(),
        context_length: model.context_length,
        pricing: price_card(&model.pricing),
        supports_tools: model.abilities.tools,
        supports_structured_output: model.abilities.structured_output,
        mode: Some(model.kind.into()),
        input_modalities: modalities(model.abilities.vision),
        output_modalities: made(Some(model.kind)),
        offers: Vec::new(),
    }
}

fn listed_card(provider: &ProviderEntry, model: &ListedModel) -> ModelCard {
    let live = || model.offers.iter().filter(|offer| offer.live);
    let dearest = live().filter_map(|offer| offer.pricing.price()).reduce(domain::Price::dearest);
    ModelCard {
        id: model.id.clone(),
        object: "model",
        kind: "model",
        display_name: model.id.clone(),
        created: model.created,
        created_at: created_at(model.created),
        owned_by: model.owned_by.clone(),
        provider: provider.id.to_string(),
        context_length: model.context_length.or_else(|| live().filter_map(|o| o.context_length).max()),
        pricing: dearest.and_then(|price| price_card(&Pricing::Priced(price))),
        supports_tools: any(live().map(|offer| offer.tools)),
        supports_structured_output: any(live().map(|offer| offer.structured_output)),
        mode: provider.listed_kind().map(ModelMode::from),
        input_modalities: modalities(model.vision),
        output_modalities: made(provider.listed_kind()),
        offers: model.offers.iter().map(offer_card).collect(),
    }
}

/// A time that an upstream named, which may be anything.
fn created_at(seconds: i64) -> String {
    rfc3339(seconds.clamp(0, SECONDS_MAX) * 1_000)
}

fn offer_card(offer: &ListedOffer) -> OfferCard {
    OfferCard {
        inference_provider: offer.inference_provider.clone(),
        status: if offer.live { "live" } else { "error" },
        context_length: offer.context_length,
        pricing: price_card(&offer.pricing),
        supports_tools: offer.tools,
        supports_structured_output: offer.structured_output,
    }
}

fn price_card(pricing: &Pricing) -> Option<PriceCard> {
    let price = pricing.price()?;
    let free = price.input == Rate::ZERO && price.output == Rate::ZERO;
    Some(PriceCard { input: price.input.to_string(), output: price.output.to_string(), free })
}

fn modalities(vision: Option<bool>) -> Vec<&'static str> {
    if vision == Some(true) { vec!["text", "image"] } else { vec!["text"] }
}

/// What offers of these kinds can do as one model. A call goes to those that fit, so one that chats is enough for a chat.
fn common_kind(kinds: impl Iterator<Item = Option<ModelKind>> + Clone) -> Option<ModelKind> {
    let chat = Some(ModelKind::Chat);
    if kinds.clone().any(|kind| kind == chat) {
        return chat;
    }
    kinds.reduce(|common, kind| common.filter(|_| common == kind)).flatten()
}

/// What a model makes. Text, where nobody said.
fn made(kind: Option<ModelKind>) -> Vec<&'static str> {
    if kind == Some(ModelKind::Embeddings) { vec!["embeddings"] } else { vec!["text"] }
}

/// `true` if one says so, `false` if all that say anything deny it, nothing if nobody says.
fn any(mut abilities: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    abilities
        .try_fold(None, |known, ability| match ability {
            Some(true) => Err(()),
            Some(false) => Ok(Some(false)),
            None => Ok(known),
        })
        .unwrap_or(Some(true))
}
