//! Provider detection: which offers a call means.
//!
//! In this order: the provider that the caller names, a known provider as the prefix of the model's name, a
//! configured route, a configured model, an id in a provider's catalogue. There is no default provider.

use std::sync::Arc;

use domain::{Offer, Route};

use super::Snapshot;
use super::entry::ProviderEntry;
use super::found::{Found, NotServed};
use crate::config::RouteConfig;

/// Suggestions in an error about an unknown model.
const CLOSE_MATCHES_MAX: usize = 3;

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const CLOSE_MATCH_MIN: f64 = 0.75;

/// Why a call has no route.
#[derive(Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// The caller named a provider that is not configured.
    UnknownProvider {
        /// What the caller wrote.
        asked: String,
        /// The configured providers.
        known: Vec<String>,
    },
    /// No provider lists the model.
    UnknownModel {
        /// What the caller wrote.
        asked: String,
        /// Ids that look like it.
        close: Vec<String>,
    },
    /// The model is known, but not served as asked.
    NotServed(String),
    /// The provider's catalogue has never been read.
    NotLoaded(String),
}

impl Snapshot {
    /// The route for a model name and the provider that the caller named, if any.
    pub fn resolve(&self, model: &str, provider: Option<&str>) -> Result<Route, ResolveError> {
        if let Some(asked) = provider {
            return self.resolve_named(model, asked);
        }
        if let Some((prefix, rest)) = model.split_once('/')
            && let Some(provider) = self.provider(prefix)
            && let Some(found) = find(provider, rest)?.or_else(|| provider.pass_through(rest))
        {
            return Ok(route(found, &format!("prefix names {}", provider.id)));
        }
        if let Some(configured) = self.routes.get(model) {
            return self.resolve_route(configured);
        }
        // What the operator wrote down comes before what anybody lists.
        for provider in &self.providers {
            if let Some(found) = provider.find_configured(model) {
                return Ok(route(found, &format!("a model of {}", provider.id)));
            }
        }
        for provider in &self.providers {
            if let Some(found) = find(provider, model)? {
                return Ok(route(found, &format!("found in the catalogue of {}", provider.id)));
            }
        }
        match self.providers.iter().find(|provider| !provider.is_loaded()) {
            Some(unread) => Err(ResolveError::NotLoaded(unread.id.to_string())),
            None => Err(self.unknown_model(model)),
        }
    }

    fn resolve_named(&self, model: &str, asked: &str) -> Result<Route, ResolveError> {
        let Some(provider) = self.provider(asked) else {
            let known = self.providers.iter().map(|provider| provider.id.to_string()).collect();
            return Err(ResolveError::UnknownProvider { asked: asked.to_owned(), known });
        };
        // `provider: huggingface` beside `huggingface/org/name` says the same thing twice.
        let bare =
            model.split_once('/').filter(|(prefix, _)| provider.is_called(prefix)).map(|(_, rest)| rest);
        let found = match find(provider, model)? {
            Some(found) => Some(found),
            None => match bare {
                Some(bare) => find(provider, bare)?,
                None => None,
            },
        };
        let name = bare.unwrap_or(model);
        match found.or_else(|| provider.pass_through(name)) {
            Some(found) => Ok(route(found, &format!("provider {} named by the caller", provider.id))),
            None if !provider.is_loaded() => Err(ResolveError::NotLoaded(provider.id.to_string())),
            None => Err(self.unknown_model(name)),
        }
    }

    pub(super) fn resolve_route(&self, configured: &RouteConfig) -> Result<Route, ResolveError> {
        let mut offers: Vec<Offer> = Vec::new();
        for entry in &configured.offers {
            // An entry that is not served at present is skipped: that is what the others are for.
            if let Ok(route) = self.resolve_named(&entry.model, &entry.provider) {
                offers.extend(route.offers.into_iter().take(1));
            }
        }
        if offers.is_empty() {
            return Err(ResolveError::NotServed(format!(
                "No offer of the route '{}' is served.",
                configured.name
            )));
        }
        let reason = format!("route {}: ordered, {} offers", configured.name, offers.len());
        Ok(Route { name: Some(Arc::clone(&configured.name)), offers, reason })
    }

    fn unknown_model(&self, asked: &str) -> ResolveError {
        let ids = self.providers.iter().flat_map(|provider| {
            let listed = provider.listed_models().map(|model| model.id.as_str());
            listed.chain(provider.configured_models().map(|model| model.id.as_ref()))
        });
        let lower = asked.to_ascii_lowercase();
        let mut scored: Vec<(f64, &str)> = ids
            .map(|id| (strsim::jaro_winkler(&lower, &id.to_ascii_lowercase()), id))
            .filter(|(score, _)| *score >= CLOSE_MATCH_MIN)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let close = scored.into_iter().take(CLOSE_MATCHES_MAX).map(|(_, id)| id.to_owned()).collect();
        ResolveError::UnknownModel { asked: asked.to_owned(), close }
    }
}

fn find(provider: &ProviderEntry, name: &str) -> Result<Option<Found>, ResolveError> {
    provider.find(name).map_err(|NotServed(message)| ResolveError::NotServed(message))
}

fn route(found: Found, why: &str) -> Route {
    Route { name: None, offers: found.offers, reason: format!("{why}; {}", found.how) }
}
