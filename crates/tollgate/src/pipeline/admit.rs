//! Step 5: the hold. The worst case of the call at the dearest offer of its route is reserved, or the call is refused.

use domain::{AccountKind, Money, Offer, Price, Route};
use wire::chat::ChatRequest;

use super::record::Record;
use super::{NoCredit, Refusal};

/// Times that a hold is quoted anew when other calls changed the balance between quote and hold.
const QUOTES_MAX: usize = 8;

/// Takes the hold. Returns the output limit to write into the body, where the caller named none.
pub(super) fn admit(
    record: &mut Record,
    request: &ChatRequest,
    route: &Route,
) -> Result<Option<u64>, Refusal> {
    let Some(price) = price(record, route)? else { return Ok(None) };
    let bound = request.bound().with_prompt_within(route.prompt_tokens_max());
    let mut refused = None;
    for _ in 0..QUOTES_MAX {
        let budget = record.budget();
        let quote = bound.quote(&price, route.context_length(), budget).map_err(|unaffordable| {
            Refusal::NoCredit(NoCredit {
                needed: unaffordable.needed,
                available: budget.unwrap_or(Money::MAX),
                affordable_output_tokens: unaffordable.affordable_output_tokens,
            })
        })?;
        match record.hold(quote.amount) {
            Ok(()) => return Ok(quote.clamped.then_some(quote.output_tokens)),
            Err(refusal) => {
                refused = Some(NoCredit {
                    needed: refusal.needed,
                    available: refusal.available,
                    affordable_output_tokens: 0,
                });
            }
        }
    }
    Err(refused.map_or(Refusal::Busy, Refusal::NoCredit))
}

/// The price to hold at; `None` where no offer has one, on a metered account, whose call is held at nothing.
fn price(record: &Record, route: &Route) -> Result<Option<Price>, Refusal> {
    let unpriced = route.offers.iter().find(|offer| offer.pricing.price().is_none());
    match unpriced.filter(|_| record.account_kind() == AccountKind::Prepaid) {
        Some(offer) => Err(Refusal::Unpriced(to_be_priced(offer).to_owned())),
        None => Ok(route.dearest()),
    }
}

/// The name under which a price for an offer is looked for: its model's, with the suffix that it was asked for with.
fn to_be_priced(offer: &Offer) -> &str {
    let suffix = offer.upstream_model.strip_prefix(&*offer.model);
    if suffix.is_some_and(|rest| rest.starts_with(':')) { &offer.upstream_model } else { &offer.model }
}
