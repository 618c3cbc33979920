//! What a route says of its offers.

use domain::{Offer, Price, Pricing, Rate, Route};

fn rate(dollars: &str) -> Rate {
    dollars.parse().expect("a rate")
}

fn price(input: &str, output: &str) -> Pricing {
    Pricing::Priced(Price { input: rate(input), output: rate(output), cached_input: None })
}

fn route(offers: &[(Pricing, Option<u64>)]) -> Route {
    let offers = offers.iter().map(|(pricing, context_length)| Offer {
        provider: "huggingface".into(),
        model: "meta-llama/Llama-3.1-8B-Instruct".into(),
        upstream_model: "meta-llama/Llama-3.1-8B-Instruct:novita".into(),
        inference_provider: Some("novita".into()),
        kind: None,
        pricing: *pricing,
        context_length: *context_length,
        prompt_tokens_max: *context_length,
    });
    Route { name: None, offers: offers.collect(), reason: "catalogue: exact id".to_owned() }
}

#[test]
fn the_hold_is_at_the_dearest_rates_of_the_route() {
    let both = route(&[(price("1", "4"), None), (price("2", "3"), None), (Pricing::Free, None)]);
    let dearest = both.dearest().unwrap();
    assert_eq!((dearest.input, dearest.output), (rate("2"), rate("4")));
    assert_eq!(route(&[(Pricing::Free, None)]).dearest(), Some(Price::FREE));
}

#[test]
fn an_unpriced_offer_has_no_part_in_the_dearest_price() {
    assert_eq!(route(&[(Pricing::Unpriced, None)]).dearest(), None);
    let mixed = route(&[(price("1", "4"), None), (Pricing::Unpriced, None)]);
    assert_eq!(mixed.dearest(), price("1", "4").price());
}

#[test]
fn the_context_is_the_smallest_that_is_known() {
    let lengths = |lengths: &[Option<u64>]| {
        let offers: Vec<_> = lengths.iter().map(|length| (Pricing::Free, *length)).collect();
        route(&offers).context_length()
    };
    assert_eq!(lengths(&[Some(8_192), None, Some(4_096)]), Some(4_096));
    assert_eq!(lengths(&[None]), None);
}

#[test]
fn the_longest_prompt_is_unknown_when_one_offer_does_not_say() {
    let longest = |lengths: &[Option<u64>]| {
        let offers: Vec<_> = lengths.iter().map(|length| (Pricing::Free, *length)).collect();
        route(&offers).prompt_tokens_max()
    };
    assert_eq!(longest(&[Some(8_192), Some(4_096)]), Some(8_192));
    assert_eq!(longest(&[Some(8_192), None]), None);
}
