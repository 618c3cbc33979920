//! `[routes.<name>]`: names that stand for an ordered list of offers.

use std::sync::Arc;

use super::error::ConfigError;
use super::model::{MODEL_ID_LEN_MAX, provider_id};
use super::provider::ProviderConfig;
use super::section::Section;

const ROUTES_MAX: usize = 1000;
/// A call tries only a few offers, so a longer list is never read to its end.
const OFFERS_MAX: usize = 16;

/// How a route chooses among its offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteStrategy {
    /// The first, and the next one when it fails.
    Ordered,
}

/// A name that clients may ask for as a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// The name.
    pub name: Arc<str>,
    /// How it chooses.
    pub strategy: RouteStrategy,
    /// The offers; never empty.
    pub offers: Vec<OfferRef>,
}

/// One offer of a route, written `provider/model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRef {
    /// The provider's id, aliases resolved.
    pub provider: Arc<str>,
    /// The model's id at the gateway, with its suffix where it has one.
    pub model: Arc<str>,
}

pub(super) fn read_routes(
    routes: Section,
    providers: &[ProviderConfig],
) -> Result<Vec<RouteConfig>, ConfigError> {
    let sections = routes.named(ROUTES_MAX)?;
    sections.into_iter().map(|(name, section)| read_route(&name, section, providers)).collect()
}

fn read_route(
    name: &str,
    mut section: Section,
    providers: &[ProviderConfig],
) -> Result<RouteConfig, ConfigError> {
    if !(1..=MODEL_ID_LEN_MAX).contains(&name.len()) || name.contains(char::is_whitespace) {
        return Err(
            section.wrong("", format!("a route's name has 1 to {MODEL_ID_LEN_MAX} characters and no spaces"))
        );
    }
    let strategy = section.parsed("strategy", parse_strategy)?.unwrap_or(RouteStrategy::Ordered);
    let written = section.strings("offers")?.unwrap_or_default();
    if !(1..=OFFERS_MAX).contains(&written.len()) {
        return Err(
            section.wrong("offers", format!("must list 1 to {OFFERS_MAX} offers, each \"provider/model\""))
        );
    }
    let offers = written
        .iter()
        .map(|text| parse_offer(text, providers).map_err(|message| section.wrong("offers", message)));
    let offers = offers.collect::<Result<_, _>>()?;
    section.finish()?;
    Ok(RouteConfig { name: name.into(), strategy, offers })
}

fn parse_strategy(word: &str) -> Result<RouteStrategy, String> {
    match word {
        "ordered" => Ok(RouteStrategy::Ordered),
        "weighted" | "cheapest" | "fastest" | "least-busy" => {
            Err(format!("`{word}` is not supported yet by this version: use ordered"))
        }
        _ => Err(format!("must be ordered, not `{word}`")),
    }
}

fn parse_offer(text: &str, providers: &[ProviderConfig]) -> Result<OfferRef, String> {
    let (provider, model) =
        text.split_once('/').ok_or_else(|| format!("`{text}` is not of the form provider/model"))?;
    if !(1..=MODEL_ID_LEN_MAX).contains(&model.len()) || model.contains(char::is_whitespace) {
        return Err(format!("`{text}` names no model"));
    }
    Ok(OfferRef { provider: provider_id(provider, providers)?, model: model.into() })
}
