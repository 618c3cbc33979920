//! Which provider serves a model name: the router's suffix policies, as pure functions.
//!
//! A name is `org/model[:suffix]`; a suffix is `fastest`, `cheapest`, `preferred` or a provider id. Without one the
//! router takes the fastest. Ids are case-sensitive here, and a missing speed or price counts as the worst.

use std::cmp::Ordering;

use serde_json::Number;

use crate::catalogue::{Listing, Model, Offer, Status};
use crate::refusal::Refusal;

/// The pair that serves a call.
pub(crate) struct Chosen<'a> {
    pub(crate) model: &'a Model,
    pub(crate) offer: &'a Offer,
}

/// Finds who serves `asked`, or the router's reason why nobody does.
pub(crate) fn resolve<'a>(listing: &'a Listing, asked: &str) -> Result<Chosen<'a>, Refusal> {
    let (id, suffix) = split(asked);
    let traits = &listing.catalogue.sim;
    if traits.not_chat.iter().any(|name| name == id) {
        return Err(Refusal::NotChat(asked.to_owned()));
    }
    if let Some(provider) = suffix
        && traits.retired.iter().any(|pair| pair.model == id && pair.provider == provider)
    {
        return Err(Refusal::Retired { provider: provider.to_owned() });
    }
    let Some(model) = listing.model(id) else {
        let known = traits.retired.iter().any(|pair| pair.model == id);
        let asked = asked.to_owned();
        return Err(if known { Refusal::ModelNotSupported(asked) } else { Refusal::ModelNotFound(asked) });
    };
    let offer = match suffix {
        None | Some("fastest") => best(model, |a, b| larger(a.throughput.as_ref(), b.throughput.as_ref())),
        Some("cheapest") => best(model, |a, b| smaller(output_price(a), output_price(b))),
        Some("preferred") => best(model, |a, b| rank(&traits.preferred, a).cmp(&rank(&traits.preferred, b))),
        // A pinned provider is never re-routed, and is reached even while its probe fails.
        Some(provider) => {
            let offer = model.offers.iter().find(|offer| offer.provider == provider);
            let offer = offer.ok_or_else(|| Refusal::NotMapped {
                asked: asked.to_owned(),
                provider: provider.to_owned(),
            })?;
            return Ok(Chosen { model, offer });
        }
    };
    offer.map(|offer| Chosen { model, offer }).ok_or_else(|| Refusal::ModelNotSupported(asked.to_owned()))
}

/// Splits `org/model:suffix` at the last colon after the slash.
pub(crate) fn split(asked: &str) -> (&str, Option<&str>) {
    match asked.rsplit_once(':') {
        Some((id, suffix)) if !suffix.contains('/') => (id, Some(suffix)),
        _ => (asked, None),
    }
}

/// The live offer that sorts first; ties go to the one listed first.
fn best(model: &Model, order: impl Fn(&Offer, &Offer) -> Ordering) -> Option<&Offer> {
    let live = model.offers.iter().filter(|offer| offer.status == Status::Live);
    live.reduce(|best, next| if order(next, best) == Ordering::Less { next } else { best })
}

fn larger(a: Option<&Number>, b: Option<&Number>) -> Ordering {
    let value = |number: Option<&Number>| number.and_then(Number::as_f64).unwrap_or(f64::NEG_INFINITY);
    value(b).total_cmp(&value(a))
}

fn smaller(a: Option<&Number>, b: Option<&Number>) -> Ordering {
    let value = |number: Option<&Number>| number.and_then(Number::as_f64).unwrap_or(f64::INFINITY);
    value(a).total_cmp(&value(b))
}

fn output_price(offer: &Offer) -> Option<&Number> {
    offer.pricing.as_ref().map(|pricing| &pricing.output)
}

fn rank(preferred: &[String], offer: &Offer) -> usize {
    preferred.iter().position(|name| *name == offer.provider).unwrap_or(usize::MAX)
}
