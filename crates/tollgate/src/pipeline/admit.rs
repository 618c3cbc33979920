//! Step 5: the call's share of every limit, and the hold. Its worst case at the dearest offer of its route is reserved,
//! or the call is refused.

use domain::hold::{OUTPUT_TOKENS_FLOOR, Quote};
use domain::{AccountKind, Ask, CallBound, Exceeded, Money, Offer, Price, Route};

use super::outgoing::Outgoing;
use super::record::Record;
use crate::error::{NoCredit, Refusal};

/// Times that a hold is quoted anew when other calls changed the balance between quote and hold.
const QUOTES_MAX: usize = 8;

/// The output that the rate of tokens counts on, of a call that names no limit: a long answer. What it really was is
/// counted when it ends.
const OUTPUT_TOKENS_EXPECTED: u64 = 1_024;

/// Takes the call's share of the limits, then the hold. Returns the output limit to write into the body, where the
/// caller named none.
pub(super) fn admit(record: &mut Record, request: &Outgoing, route: &Route) -> Result<Option<u64>, Refusal> {
    record.sends(request);
    let Some(price) = price(record, route)? else {
        reserve(record, request, None)?;
        return Ok(None);
    };
    let bound = request.bound_on(route);
    let mut refused = None;
    for _ in 0..QUOTES_MAX {
        let quote = quote(record, request, route, &price, &bound)?;
        match reserve(record, request, Some(&quote)) {
            Ok(()) => {}
            // Another call has taken what this one was quoted from.
            Err(Refusal::Limited(limited)) if matches!(limited.exceeded, Exceeded::Spend { .. }) => {
                refused = Some(Refusal::Limited(limited));
                continue;
            }
            Err(limited) => return Err(limited),
        }
        match record.hold(quote.amount) {
            Ok(()) => return Ok(quote.clamped.then_some(quote.output_tokens)),
            Err(refusal) => {
                refused = Some(Refusal::NoCredit(NoCredit {
                    needed: refusal.needed,
                    available: refusal.available,
                    cap: None,
                    affordable_output_tokens: 0,
                }));
            }
        }
    }
    Err(refused.unwrap_or(Refusal::Busy))
}

/// Refuses early what [`admit`] would refuse whatever the request is put together from, before anything is read for it:
/// where a rate, the open calls or a quota leave no room for any call, or no money is left for one that costs.
pub(super) fn peek(record: &Record, route: &Route) -> Result<(), Refusal> {
    record.peek().map_err(Refusal::Limited)?;
    let Some(price) = price(record, route)? else { return Ok(()) };
    if record.budget() != Some(Money::ZERO) {
        return Ok(());
    }
    let least = CallBound { input_tokens: 1, output_tokens: Some(1), n: 1 };
    quote_within(record, route, &price, &least).map(drop)
}

/// What the call may come to at most: with the output limit of its caller, or else one that the money and the tokens that
/// are left pay for.
fn quote(
    record: &Record,
    request: &Outgoing,
    route: &Route,
    price: &Price,
    bound: &CallBound,
) -> Result<Quote, Refusal> {
    let at_most = |bound: &CallBound| quote_within(record, route, price, bound);
    let quote = at_most(bound)?;
    let Some(left) = record.tokens_left().filter(|_| quote.clamped) else { return Ok(quote) };
    let left = left.saturating_sub(request.prompt_tokens_estimate()) / u64::from(bound.n.max(1));
    // Where the quota leaves less than is worth a call, it is asked for all the same, and so refused by its name.
    let most = left.max(OUTPUT_TOKENS_FLOOR).min(quote.output_tokens);
    let quote = at_most(&CallBound { output_tokens: Some(most), ..*bound })?;
    Ok(Quote { clamped: true, ..quote })
}

/// A quote that the money that is left pays for.
fn quote_within(record: &Record, route: &Route, price: &Price, bound: &CallBound) -> Result<Quote, Refusal> {
    let budget = record.budget();
    bound.quote(price, route.context_length(), budget).map_err(|unaffordable| {
        Refusal::NoCredit(NoCredit {
            needed: unaffordable.needed,
            available: budget.unwrap_or(Money::MAX),
            cap: record.cap_below(unaffordable.needed),
            affordable_output_tokens: unaffordable.affordable_output_tokens,
        })
    })
}

/// Takes the call's share of the limits: in the worst case, but of the rate of tokens as expected.
fn reserve(record: &mut Record, request: &Outgoing, quote: Option<&Quote>) -> Result<(), Refusal> {
    let bound = request.bound();
    let prompt = request.prompt_tokens_estimate();
    let most = quote.map_or(OUTPUT_TOKENS_EXPECTED, |quote| quote.output_tokens);
    let with_output = |each: u64| prompt.saturating_add(each.saturating_mul(u64::from(bound.n)));
    let ask = Ask {
        tokens: with_output(bound.output_tokens.unwrap_or(most)),
        rate_tokens: with_output(bound.output_tokens.unwrap_or(most.min(OUTPUT_TOKENS_EXPECTED))),
        spend: quote.map_or(Money::ZERO, |quote| quote.amount),
    };
    record.reserve(ask).map_err(Refusal::Limited)
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
