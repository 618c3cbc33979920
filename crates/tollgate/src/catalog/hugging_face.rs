//! Hugging Face's suffixes: which offers `org/name[:suffix]` means, and at what price each is held.
//!
//! Where Hugging Face chooses the inference provider itself, the price is the dearest of the live ones. Where one of
//! those carries no price, the gateway pins a priced one instead, so that no call can be served at an unknown price.

use std::cmp::Reverse;
use std::sync::Arc;

use domain::{ModelKind, Offer, Price, Pricing};
use wire::catalogue::{ListedModel, ListedOffer};

use super::found::{Found, NotServed};

/// Other inference providers that a call may fail over to, beside its first offer.
const ALTERNATES_MAX: usize = 2;

/// How Hugging Face chooses among the inference providers of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Fastest,
    Cheapest,
    Preferred,
}

impl Policy {
    fn named(word: &str) -> Option<Policy> {
        match word {
            "fastest" => Some(Policy::Fastest),
            "cheapest" => Some(Policy::Cheapest),
            "preferred" => Some(Policy::Preferred),
            _ => None,
        }
    }
}

/// Whether a suffix is a policy, and not an inference provider.
pub(super) fn is_policy(suffix: &str) -> bool {
    Policy::named(suffix).is_some()
}

/// Splits `org/name:suffix` at the last colon after the slash.
pub(super) fn split_suffix(name: &str) -> (&str, Option<&str>) {
    let after_org = name.find('/').map_or(0, |slash| slash + 1);
    match name[after_org..].rfind(':') {
        Some(colon) => (&name[..after_org + colon], Some(&name[after_org + colon + 1..])),
        None => (name, None),
    }
}

/// The offers for a listed model under a suffix, best first.
pub(super) fn offers(
    provider: &Arc<str>,
    model: &ListedModel,
    suffix: Option<&str>,
) -> Result<Found, NotServed> {
    let naming = Naming { provider, model };
    let policy = match suffix.map(Policy::named) {
        None => Policy::Fastest,
        Some(Some(policy)) => policy,
        Some(None) => return naming.pinned_by_caller(suffix.unwrap_or_default()),
    };
    let mut live: Vec<&ListedOffer> = model.offers.iter().filter(|offer| offer.live).collect();
    if live.is_empty() {
        return naming.pinned_though_down(policy);
    }
    sort(&mut live, policy);
    let priced: Vec<&ListedOffer> = live.iter().copied().filter(|offer| is_priced(offer)).collect();
    if priced.len() == live.len() {
        let chosen = naming.chosen_upstream(&live, suffix);
        let alternates = priced.iter().take(ALTERNATES_MAX).map(|offer| naming.pin(offer));
        let how = format!("{} chosen by the router among {}", suffix.unwrap_or("fastest"), live.len());
        return Ok(Found { offers: std::iter::once(chosen).chain(alternates).collect(), how });
    }
    let Some(first) = priced.first() else {
        let chosen = naming.unpriced(suffix);
        return Ok(Found { offers: vec![chosen], how: "no live offer has a price".to_owned() });
    };
    let how = format!("pinned to {}: another live offer has no price", first.inference_provider);
    let pinned = priced.iter().take(1 + ALTERNATES_MAX).map(|offer| naming.pin(offer));
    Ok(Found { offers: pinned.collect(), how })
}

/// Builds offers of one model.
struct Naming<'a> {
    provider: &'a Arc<str>,
    model: &'a ListedModel,
}

impl Naming<'_> {
    fn pinned_by_caller(&self, slug: &str) -> Result<Found, NotServed> {
        let named =
            self.model.offers.iter().find(|offer| offer.inference_provider.eq_ignore_ascii_case(slug));
        let Some(offer) = named else {
            let served: Vec<&str> =
                self.model.offers.iter().map(|offer| offer.inference_provider.as_str()).collect();
            return Err(NotServed(format!(
                "The model '{}' is not served by '{slug}'. It is served by: {}. The policies :fastest, :cheapest \
                 and :preferred choose among them.",
                self.model.id,
                if served.is_empty() { "nobody at present".to_owned() } else { served.join(", ") },
            )));
        };
        Ok(Found { offers: vec![self.pin(offer)], how: format!("pinned to {slug} by the caller") })
    }

    /// Every offer failed its last probe. A pinned one is often served all the same, so a priced one is tried.
    fn pinned_though_down(&self, policy: Policy) -> Result<Found, NotServed> {
        let mut priced: Vec<&ListedOffer> = self.model.offers.iter().filter(|o| is_priced(o)).collect();
        sort(&mut priced, policy);
        if priced.is_empty() {
            return Err(NotServed(format!(
                "No inference provider serves the model '{}' at present.",
                self.model.id
            )));
        }
        let offers = priced.iter().take(1 + ALTERNATES_MAX).map(|offer| self.pin(offer)).collect();
        Ok(Found { offers, how: "every offer failed its last probe: tried pinned".to_owned() })
    }

    fn pin(&self, offer: &ListedOffer) -> Offer {
        Offer {
            upstream_model: format!("{}:{}", self.model.id, offer.inference_provider).into(),
            inference_provider: Some(offer.inference_provider.as_str().into()),
            pricing: offer.pricing,
            context_length: offer.context_length,
            prompt_tokens_max: offer.context_length,
            ..self.unpriced(None)
        }
    }

    /// The offer where Hugging Face chooses: at the dearest price of the live ones, for an answer that fits the
    /// smallest context and a prompt that fits the largest.
    fn chosen_upstream(&self, live: &[&ListedOffer], suffix: Option<&str>) -> Offer {
        let prices = live.iter().filter_map(|offer| offer.pricing.price());
        let pricing = prices.reduce(Price::dearest).map_or(Pricing::Unpriced, Pricing::Priced);
        let context_length = live.iter().filter_map(|offer| offer.context_length).min();
        let prompt_tokens_max = live.iter().try_fold(0, |most, offer| Some(offer.context_length?.max(most)));
        Offer { pricing, context_length, prompt_tokens_max, ..self.unpriced(suffix) }
    }

    fn unpriced(&self, suffix: Option<&str>) -> Offer {
        let id = self.model.id.as_str();
        Offer {
            provider: Arc::clone(self.provider),
            model: id.into(),
            upstream_model: suffix.map_or_else(|| id.into(), |suffix| format!("{id}:{suffix}").into()),
            inference_provider: None,
            kind: Some(ModelKind::Chat),
            pricing: Pricing::Unpriced,
            context_length: self.model.context_length,
            prompt_tokens_max: None,
        }
    }
}

fn is_priced(offer: &ListedOffer) -> bool {
    offer.pricing != Pricing::Unpriced
}

/// Best first. A missing figure counts as the worst, as it does at the router.
fn sort(offers: &mut [&ListedOffer], policy: Policy) {
    match policy {
        Policy::Cheapest => {
            offers.sort_by_key(|offer| offer.pricing.price().map_or(u64::MAX, |price| price.output.nanos()));
        }
        // The account's own order is not published: the fastest stands in for it.
        Policy::Fastest | Policy::Preferred => {
            offers.sort_by_key(|offer| Reverse(offer.throughput_milli.unwrap_or(0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Rate;

    fn offer(slug: &str, price: Option<&str>, speed: u64) -> ListedOffer {
        let pricing = price.map_or(Pricing::Unpriced, |usd| {
            let rate: Rate = usd.parse().expect("a rate");
            Pricing::Priced(Price { input: rate, output: rate, cached_input: None })
        });
        ListedOffer {
            inference_provider: slug.to_owned(),
            live: true,
            context_length: None,
            pricing,
            tools: None,
            structured_output: None,
            first_token_latency_ms: None,
            throughput_milli: Some(speed),
        }
    }

    fn model(offers: Vec<ListedOffer>) -> ListedModel {
        ListedModel {
            id: "org/name".to_owned(),
            created: 0,
            owned_by: "org".to_owned(),
            vision: None,
            context_length: None,
            offers,
        }
    }

    fn sent(model: &ListedModel, suffix: Option<&str>) -> Vec<String> {
        let found = offers(&"huggingface".into(), model, suffix).expect("served");
        found.offers.iter().map(|offer| offer.upstream_model.to_string()).collect()
    }

    #[test]
    fn suffixes_split_at_the_last_colon_after_the_slash() {
        assert_eq!(split_suffix("org/name"), ("org/name", None));
        assert_eq!(split_suffix("org/name:groq"), ("org/name", Some("groq")));
        assert_eq!(split_suffix("plain:latest"), ("plain", Some("latest")));
    }

    #[test]
    fn the_router_chooses_when_every_live_offer_is_priced_and_the_dearest_is_held() {
        let model = model(vec![offer("a", Some("1"), 5), offer("b", Some("3"), 9), offer("c", Some("2"), 1)]);
        assert_eq!(sent(&model, None), ["org/name", "org/name:b", "org/name:a"]);
        assert_eq!(sent(&model, Some("cheapest")), ["org/name:cheapest", "org/name:a", "org/name:c"]);
        let found = offers(&"huggingface".into(), &model, None).expect("served");
        let held = found.offers[0].pricing.price().expect("priced");
        assert_eq!(held.output.to_string(), "3.00");
    }

    #[test]
    fn a_priced_offer_is_pinned_when_a_live_one_has_no_price() {
        let model = model(vec![offer("a", Some("1"), 5), offer("b", None, 9)]);
        assert_eq!(sent(&model, None), ["org/name:a"]);
        assert_eq!(sent(&model, Some("b")), ["org/name:b"]);
    }

    #[test]
    fn an_unknown_inference_provider_is_named_with_those_that_serve() {
        let model = model(vec![offer("a", Some("1"), 5)]);
        let Err(NotServed(message)) = offers(&"huggingface".into(), &model, Some("zz")) else {
            panic!("served by nobody")
        };
        assert!(message.contains("'zz'") && message.contains("served by: a"), "{message}");
    }

    #[test]
    fn an_offer_that_failed_its_probe_is_tried_pinned() {
        let mut down = offer("a", Some("1"), 5);
        down.live = false;
        assert_eq!(sent(&model(vec![down]), None), ["org/name:a"]);
    }
}
