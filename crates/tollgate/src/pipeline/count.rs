//! How many tokens a request would have, without sending it.

use bytes::Bytes;
use hyper::http::request::Parts;
use wire::Target;

use super::asked::Asked;
use super::compose::{By, Composed, compose};
use super::outgoing::Outgoing;
use super::suit::suit;
use super::{Dialect, Principal, limit, named_provider};
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::tokens::Count;

/// The tokens of the prompt of a request of `principal`, with the history that it would go on from. Nothing is stored,
/// held or sent.
pub async fn count(
    gateway: &Gateway,
    principal: &Principal,
    dialect: Dialect,
    head: &Parts,
    body: Bytes,
) -> Result<Count, Refusal> {
    let asked = Asked::counted(dialect, head, body, gateway.config.server.hosted_tools)?;
    let named = named_provider(&head.headers);
    let Target { model, provider, .. } = asked.what.target();
    let provider = provider.as_deref().or(named.as_deref());
    let snapshot = gateway.catalogue.snapshot();
    let mut route = snapshot.resolve(model, provider).map_err(Refusal::Route)?;
    let allowance = limit::allowance(gateway, principal)?;
    limit::check_model(&allowance, &principal.key, model, &route)?;
    let asked = suit(gateway, asked, &mut route)?;
    let by =
        By { call: gateway.next_call_id(), account: principal.account.id, at_ms: gateway.clock.now_ms() };
    let Composed { request, .. } = compose(gateway, by, asked, &route).await?;
    match (route.offers.first(), &request) {
        (Some(offer), Outgoing::Chat(request)) => Ok(gateway.tokenizers.count(offer, request).await),
        // No dialect that counts its prompts comes here.
        _ => Err(Refusal::Busy),
    }
}
