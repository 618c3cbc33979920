//! `[models."id"]`: offers that no catalogue lists, or whose catalogue has no price.

use std::sync::Arc;

use domain::{Abilities, ModelKind, Price, Pricing, Rate};

use super::embeddings::inference_providers;
use super::error::ConfigError;
use super::provider::ProviderConfig;
use super::section::{Section, nearest};
use super::tokenizers::TokenizerSource;

const MODELS_MAX: usize = 10_000;
/// The longest model id: Hugging Face's are under 100 characters.
pub(super) const MODEL_ID_LEN_MAX: usize = 256;
/// No model has a context of more tokens.
const CONTEXT_LENGTH_MAX: u64 = 1 << 32;

/// One model at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// The id that clients ask for.
    pub id: Arc<str>,
    /// The id of its provider, aliases resolved.
    pub provider: Arc<str>,
    /// Its name there.
    pub upstream_model: Arc<str>,
    /// Tokens of prompt and answer together, where known.
    pub context_length: Option<u64>,
    /// What it makes.
    pub kind: ModelKind,
    /// Its price.
    pub pricing: Pricing,
    /// What it can do, where known.
    pub abilities: Abilities,
    /// Its tokenizer, where it is not the one of the repository that the model is called after.
    pub tokenizer: Option<TokenizerSource>,
}

pub(super) fn read_models(
    models: Section,
    providers: &[ProviderConfig],
) -> Result<Vec<ModelConfig>, ConfigError> {
    let sections = models.named(MODELS_MAX)?;
    sections.into_iter().map(|(id, section)| read_model(&id, section, providers)).collect()
}

fn read_model(
    id: &str,
    mut section: Section,
    providers: &[ProviderConfig],
) -> Result<ModelConfig, ConfigError> {
    let is_id = |text: &str| {
        let visible = !text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
        (1..=MODEL_ID_LEN_MAX).contains(&text.len()) && visible
    };
    if !is_id(id) {
        return Err(
            section.wrong("", format!("a model's id has 1 to {MODEL_ID_LEN_MAX} characters and no spaces"))
        );
    }
    let provider =
        section.string("provider")?.ok_or_else(|| section.missing("provider", "who serves it?"))?;
    let provider = provider_id(&provider, providers).map_err(|message| section.wrong("provider", message))?;
    let upstream_model = section.string("upstream_model")?.unwrap_or_else(|| id.to_owned());
    if !is_id(&upstream_model) {
        return Err(section
            .wrong("upstream_model", format!("must have 1 to {MODEL_ID_LEN_MAX} characters and no spaces")));
    }
    let kind = section.parsed("kind", parse_kind)?.unwrap_or(ModelKind::Chat);
    let served_by = providers.iter().find(|row| row.id == provider);
    if let Some(message) = served_by.and_then(|row| served_nowhere(row, kind, &upstream_model)) {
        return Err(section.wrong("upstream_model", message));
    }
    let model = ModelConfig {
        id: id.into(),
        kind,
        provider,
        upstream_model: upstream_model.into(),
        context_length: section.number("context_length", 1..=CONTEXT_LENGTH_MAX)?,
        pricing: read_pricing(&mut section, kind)?,
        abilities: Abilities {
            tools: section.flag("tools")?,
            structured_output: section.flag("structured_output")?,
            vision: section.flag("vision")?,
        },
        tokenizer: section.parsed("tokenizer", TokenizerSource::parse)?,
    };
    section.finish()?;
    Ok(model)
}

/// Why a provider cannot do with a model what it is there for; `None` where it can.
fn served_nowhere(provider: &ProviderConfig, kind: ModelKind, upstream_model: &str) -> Option<String> {
    match kind {
        ModelKind::Chat => None,
        ModelKind::Completions => {
            let site = provider.completions_site(upstream_model, Some(kind));
            site.is_none().then(|| provider.completions.needs())
        }
        ModelKind::Embeddings => provider.embeddings_site(upstream_model).is_none().then(|| {
            format!("is served by none of Hugging Face's makers of embeddings: {}", inference_providers())
        }),
    }
}

/// The id of the provider with that id or alias.
pub(super) fn provider_id(name: &str, providers: &[ProviderConfig]) -> Result<Arc<str>, String> {
    let named = |provider: &&ProviderConfig| {
        &*provider.id == name || provider.aliases.iter().any(|alias| alias == name)
    };
    if let Some(provider) = providers.iter().find(named) {
        return Ok(provider.id.clone());
    }
    let advice = match nearest(name, providers.iter().map(|provider| &*provider.id)) {
        Some(id) => format!("did you mean `{id}`?"),
        None => {
            let ids: Vec<&str> = providers.iter().map(|provider| &*provider.id).collect();
            format!("known here: {}", ids.join(", "))
        }
    };
    Err(format!("no enabled provider is called `{name}`; {advice}"))
}

fn parse_kind(word: &str) -> Result<ModelKind, String> {
    let kinds = [ModelKind::Chat, ModelKind::Completions, ModelKind::Embeddings];
    let known = kinds.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| format!("must be chat, completions or embeddings, not `{word}`"))
}

/// `price` with both rates, `free = true`, or neither: then the model is unpriced, and refused to accounts that pay.
/// Embeddings have no output, and so no rate for it.
fn read_pricing(section: &mut Section, kind: ModelKind) -> Result<Pricing, ConfigError> {
    let priced = section.has("price");
    let mut rates = section.section("price")?;
    let input = rates.parsed("input", parse_rate)?;
    let output = rates.parsed("output", parse_rate)?;
    let cached_input = rates.parsed("cached_input", parse_rate)?;
    let output = match (kind, output) {
        (ModelKind::Chat | ModelKind::Completions, output) => output,
        (ModelKind::Embeddings, None) => input.map(|_| Rate::ZERO),
        (ModelKind::Embeddings, Some(_)) => return Err(rates.wrong("output", "embeddings have no output")),
    };
    let price = match (input, output) {
        (Some(input), Some(output)) => Some(Price { input, output, cached_input }),
        (None, None) if !priced => None,
        (None, _) => return Err(rates.missing("input", "a price has both input and output")),
        (_, None) => return Err(rates.missing("output", "a price has both input and output")),
    };
    rates.finish()?;
    match (price, section.flag("free")?) {
        (Some(_), Some(true)) => Err(section.wrong("free", "contradicts price: keep one of them")),
        (Some(price), _) => Ok(Pricing::Priced(price)),
        (None, Some(true)) => Ok(Pricing::Free),
        (None, _) => Ok(Pricing::Unpriced),
    }
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    text.parse().map_err(|error| format!("US dollars per million tokens such as \"0.10\": {error}"))
}
