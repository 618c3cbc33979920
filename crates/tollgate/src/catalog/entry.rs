//! One provider's part of the catalogue: the models that it lists and those that the configuration gives it.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{ModelKind, Offer, Pricing};
use wire::catalogue::ListedModel;

use super::found::{Found, NotServed};
use super::hugging_face;
use crate::config::{CatalogueKind, ModelConfig, ProviderConfig};

/// The offers of one provider.
#[derive(Clone, Debug)]
pub struct ProviderEntry {
    /// The provider's id in the configuration.
    pub id: Arc<str>,
    aliases: Arc<[String]>,
    kind: CatalogueKind,
    /// By lower-case id.
    configured: Arc<HashMap<String, ModelConfig>>,
    listed: HashMap<String, Arc<ListedModel>>,
    /// Lower-case id to id, for callers who spell a known id in another case.
    by_lower_case: HashMap<String, String>,
    /// When the list was read, in milliseconds since the Unix epoch.
    listed_at_ms: Option<i64>,
}

impl ProviderEntry {
    pub(super) fn new(provider: &ProviderConfig, models: &[ModelConfig]) -> ProviderEntry {
        let configured = models.iter().filter(|model| model.provider == provider.id);
        ProviderEntry {
            id: Arc::clone(&provider.id),
            aliases: provider.aliases.clone().into(),
            kind: provider.catalogue,
            configured: Arc::new(
                configured.map(|model| (model.id.to_ascii_lowercase(), model.clone())).collect(),
            ),
            listed: HashMap::new(),
            by_lower_case: HashMap::new(),
            listed_at_ms: None,
        }
    }

    pub(super) fn with_listing(&self, models: &[ListedModel], at_ms: i64) -> ProviderEntry {
        let listed = models.iter().map(|model| (model.id.clone(), Arc::new(model.clone()))).collect();
        let by_lower_case =
            models.iter().map(|model| (model.id.to_ascii_lowercase(), model.id.clone())).collect();
        ProviderEntry { listed, by_lower_case, listed_at_ms: Some(at_ms), ..self.clone() }
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.listed_at_ms.is_some() || self.kind != CatalogueKind::HuggingFace
    }

    /// The listed model of that id, in any case.
    pub(super) fn listed(&self, id: &str) -> Option<&ListedModel> {
        self.listed
            .get(id)
            .or_else(|| self.listed.get(self.by_lower_case.get(&id.to_ascii_lowercase())?))
            .map(Arc::as_ref)
    }

    /// When the list was read, in milliseconds since the Unix epoch; `None` when it never was.
    pub(crate) fn listed_at_ms(&self) -> Option<i64> {
        self.listed_at_ms
    }

    pub(crate) fn listed_models(&self) -> impl Iterator<Item = &ListedModel> {
        self.listed.values().map(Arc::as_ref)
    }

    /// What the models of its list make, where that is known: Hugging Face's router lists chat models alone.
    pub(super) fn listed_kind(&self) -> Option<ModelKind> {
        (self.kind == CatalogueKind::HuggingFace).then_some(ModelKind::Chat)
    }

    /// Whether the offer is one of the configuration. Those of a listing are pinned where a row has their model's id.
    pub(super) fn is_configured(&self, offer: &Offer) -> bool {
        offer.inference_provider.is_none() && self.row(&offer.model).is_some()
    }

    pub(super) fn configured_models(&self) -> impl Iterator<Item = &ModelConfig> {
        self.configured.values()
    }

    /// The configuration's offer for a name. The row of a bare id also stands for the id with a policy, since a policy
    /// only says who is to serve it.
    pub(super) fn find_configured(&self, name: &str) -> Option<Found> {
        if let Some(model) = self.row(name) {
            return Some(self.configured_offer(model, None));
        }
        if self.kind != CatalogueKind::HuggingFace {
            return None;
        }
        let (id, suffix) = hugging_face::split_suffix(name);
        let policy = suffix.filter(|suffix| hugging_face::is_policy(suffix))?;
        // The policies are the router's, which chooses for chat alone.
        let row = self.row(id).filter(|model| model.kind == ModelKind::Chat);
        row.map(|model| self.configured_offer(model, Some(policy)))
    }

    /// The configuration's row for a name, in any case.
    fn row(&self, name: &str) -> Option<&ModelConfig> {
        self.configured.get(&name.to_ascii_lowercase())
    }

    /// The offers for a model name of this provider, or `None` when it knows no such model.
    pub(super) fn find(&self, name: &str) -> Result<Option<Found>, NotServed> {
        if let Some(found) = self.find_configured(name) {
            return Ok(Some(found));
        }
        match self.kind {
            CatalogueKind::HuggingFace => {
                let (id, suffix) = hugging_face::split_suffix(name);
                let Some(model) = self.listed(id) else { return Ok(None) };
                hugging_face::offers(&self.id, model, suffix).map(Some)
            }
            CatalogueKind::OpenAi | CatalogueKind::None => Ok(self.listed(name).map(|model| {
                let context = model.context_length;
                self.single(&model.id, context, "listed by the provider")
            })),
        }
    }

    /// An offer for a name that nobody lists, at a provider that may serve it all the same.
    pub(super) fn pass_through(&self, name: &str) -> Option<Found> {
        let may_serve = self.kind != CatalogueKind::HuggingFace;
        may_serve.then(|| self.single(name, None, "not listed, passed through"))
    }

    fn single(&self, model: &str, context_length: Option<u64>, how: &str) -> Found {
        let offer = Offer {
            provider: Arc::clone(&self.id),
            model: model.into(),
            upstream_model: model.into(),
            inference_provider: None,
            kind: None,
            pricing: Pricing::Unpriced,
            context_length,
            prompt_tokens_max: context_length,
        };
        Found { offers: vec![offer], how: how.to_owned() }
    }

    fn configured_offer(&self, model: &ModelConfig, policy: Option<&str>) -> Found {
        let upstream_model = match policy {
            Some(policy) => format!("{}:{policy}", model.upstream_model).into(),
            None => Arc::clone(&model.upstream_model),
        };
        let offer = Offer {
            provider: Arc::clone(&self.id),
            model: Arc::clone(&model.id),
            inference_provider: None,
            kind: Some(model.kind),
            pricing: model.pricing,
            context_length: model.context_length,
            prompt_tokens_max: model.context_length,
            upstream_model,
        };
        Found { offers: vec![offer], how: "configured".to_owned() }
    }
}
