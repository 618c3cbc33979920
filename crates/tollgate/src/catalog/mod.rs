//! The catalogue: which models each provider offers, at what price, and which offers a call is routed to.
//!
//! A [`Snapshot`] is immutable. The background sync replaces it whole, so a call sees one catalogue from its
//! resolution to its charge.

mod entry;
mod found;
mod hugging_face;
mod list;
mod resolve;
mod sync;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Offer, Price, Pricing};

pub use entry::ProviderEntry;
pub use list::ModelCard;
pub use resolve::ResolveError;
pub use sync::{load_copies, run as run_sync};

use crate::config::{Config, RouteConfig};

/// The catalogue that the gateway resolves calls with. Cheap to read; replaced whole by the sync.
#[derive(Debug)]
pub struct Catalogue {
    current: ArcSwap<Snapshot>,
}

impl Catalogue {
    /// The catalogue of a gateway that has not synced yet: configured models and nothing else.
    #[must_use]
    pub fn new(config: &Config) -> Catalogue {
        Catalogue { current: ArcSwap::from_pointee(Snapshot::new(config)) }
    }

    /// The catalogue as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Replaces what one provider lists by what was read at `at_ms`, in milliseconds since the Unix epoch.
    pub fn replace(&self, provider: &str, models: &[wire::catalogue::ListedModel], at_ms: i64) {
        self.current.rcu(|snapshot| snapshot.with_listing(provider, models, at_ms));
    }
}

/// One state of the catalogue.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// By id, which decides between providers that list the same model.
    providers: Vec<Arc<ProviderEntry>>,
    routes: Arc<HashMap<String, RouteConfig>>,
}

impl Snapshot {
    fn new(config: &Config) -> Snapshot {
        let providers =
            config.providers.iter().map(|provider| Arc::new(ProviderEntry::new(provider, &config.models)));
        let routes = config.routes.iter().map(|route| (route.name.to_string(), route.clone()));
        Snapshot { providers: providers.collect(), routes: Arc::new(routes.collect()) }
    }

    fn with_listing(&self, provider: &str, models: &[wire::catalogue::ListedModel], at_ms: i64) -> Snapshot {
        let mut next = self.clone();
        for entry in &mut next.providers {
            if &*entry.id == provider {
                *entry = Arc::new(entry.with_listing(models, at_ms));
            }
        }
        next
    }

    /// Every provider, by id.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &ProviderEntry> {
        self.providers.iter().map(Arc::as_ref)
    }

    /// The provider of that id or alias.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderEntry> {
        self.providers.iter().map(Arc::as_ref).find(|entry| entry.is_called(name))
    }

    /// Whether every provider that has a catalogue of its own has been read at least once.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.providers.iter().all(|entry| entry.is_loaded())
    }

    /// The price at the inference provider that served an offer, where the catalogue knows it. The price of an offer
    /// in the configuration stands, whoever served.
    #[must_use]
    pub fn served_price(&self, offer: &Offer, inference_provider: &str) -> Option<Price> {
        let entry = self.provider(&offer.provider)?;
        if entry.is_configured(offer) {
            return None;
        }
        let listed = entry.listed(&offer.model)?;
        let offer = listed.offers.iter().find(|offer| offer.inference_provider == inference_provider)?;
        match offer.pricing {
            Pricing::Unpriced => None,
            Pricing::Priced(_) | Pricing::Free => offer.pricing.price(),
        }
    }
}
