//! Between resolve and compose: which offers of a route can do what is asked for, and in what way it is asked of them.

use domain::{ModelKind, Offer, Route};
use wire::embeddings::EmbeddingsRequest;

use super::asked::{Asked, What};
use crate::catalog::ResolveError;
use crate::config::ProviderConfig;
use crate::error::Refusal;
use crate::gateway::Gateway;

/// Leaves those offers in the route that can do what is asked for, and gives back the way in which they are asked.
///
/// Refuses the call where none can.
pub(super) fn suit(gateway: &Gateway, asked: Asked, route: &mut Route) -> Result<Asked, Refusal> {
    let Asked { what, wish } = asked;
    let what = match what {
        What::Embeddings(request) => {
            leave_makers_of_vectors(gateway, &request, route)?;
            What::Embeddings(request)
        }
        // A session is kept as messages, so it goes on as a chat.
        What::Completions(request) if wish.name.is_none() && leave(route, |at| completes(gateway, at)) => {
            What::Text(Box::new(request.text))
        }
        other if leave(route, |offer| may_be(offer, ModelKind::Chat)) => other,
        other => return Err(no_chat(&other, route)),
    };
    Ok(Asked { what, wish })
}

/// Leaves those offers in the route that `can`. Where none can, all stay.
fn leave(route: &mut Route, can: impl Fn(&Offer) -> bool) -> bool {
    let any = route.offers.iter().any(&can);
    if any {
        route.offers.retain(can);
    }
    any
}

fn may_be(offer: &Offer, kind: ModelKind) -> bool {
    offer.kind.is_none_or(|known| known == kind)
}

/// Whether texts are completed there as they are.
fn completes(gateway: &Gateway, offer: &Offer) -> bool {
    let site = provider(gateway, offer)
        .and_then(|provider| provider.completions_site(&offer.upstream_model, offer.kind));
    site.is_some() && offer.kind != Some(ModelKind::Embeddings)
}

fn leave_makers_of_vectors(
    gateway: &Gateway,
    request: &EmbeddingsRequest,
    route: &mut Route,
) -> Result<(), Refusal> {
    if !route.offers.iter().any(|offer| may_be(offer, ModelKind::Embeddings)) {
        let message = format!("The model '{}' makes no embeddings: it makes texts.", request.target().model);
        return Err(Refusal::Route(ResolveError::NotServed(message)));
    }
    let mut why = Ok(());
    route.offers.retain(|offer| {
        let can = may_be(offer, ModelKind::Embeddings).then(|| makes_vectors(gateway, request, offer));
        match can {
            Some(Err(refusal)) => {
                why = Err(refusal);
                false
            }
            can => can.is_some(),
        }
    });
    if route.offers.is_empty() { why } else { Ok(()) }
}

fn makes_vectors(gateway: &Gateway, request: &EmbeddingsRequest, offer: &Offer) -> Result<(), Refusal> {
    let site = provider(gateway, offer).and_then(|provider| provider.embeddings_site(&offer.upstream_model));
    let (_, form) = site.ok_or_else(|| {
        let message =
            format!("The provider '{}' makes no embeddings with '{}'.", offer.provider, offer.model);
        Refusal::Route(ResolveError::NotServed(message))
    })?;
    request.suits(form).map_err(Refusal::Request)
}

fn provider<'a>(gateway: &'a Gateway, offer: &Offer) -> Option<&'a ProviderConfig> {
    gateway.config.providers.iter().find(|provider| provider.id == offer.provider)
}

/// Why none of the route's offers takes a chat.
fn no_chat(what: &What, route: &Route) -> Refusal {
    let model = &what.target().model;
    let completes = route.offers.iter().any(|offer| offer.kind == Some(ModelKind::Completions));
    let message = match what {
        What::Completions(_) if completes => format!(
            "The model '{model}' goes on from a text and keeps no conversation. Leave 'session_id' out."
        ),
        _ if completes => {
            format!(
                "The model '{model}' goes on from a text and does not chat. Send a prompt to /v1/completions."
            )
        }
        _ => format!("The model '{model}' makes embeddings and no answers. Send texts to /v1/embeddings."),
    };
    Refusal::Route(ResolveError::NotServed(message))
}
