//! Lists of models: what is read, and what one bad entry costs.

use domain::{Price, Pricing};
use wire::catalogue::{
    CatalogueError, ListedModel, ListedOffer, MODELS_MAX, parse_hugging_face, parse_openai,
};

#[test]
fn the_routers_list_gives_models_with_their_providers() {
    let models = parse_hugging_face(include_bytes!("../fixtures/catalogues/hugging_face.json")).unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["deepseek-ai/DeepSeek-V4-Pro", "zai-org/GLM-5V", "odd/types"]);
    assert_eq!((models[0].created, models[0].owned_by.as_str()), (1_776_837_885, "deepseek-ai"));
    let vision: Vec<Option<bool>> = models.iter().map(|model| model.vision).collect();
    assert_eq!(vision, [Some(false), Some(true), None]);
    let expected = ListedOffer {
        inference_provider: "novita".to_owned(),
        live: true,
        context_length: Some(1_048_576),
        pricing: priced("1.69", "3.38"),
        tools: Some(true),
        structured_output: Some(false),
        first_token_latency_ms: Some(1_490),
        throughput_milli: Some(24_691),
    };
    assert_eq!(models[0].offers[0], expected);
    assert_eq!(models[0].offers[1].first_token_latency_ms, Some(588));
    assert_eq!(models[0].offers[1].pricing, Pricing::Unpriced);
    assert!(!models[0].offers[2].live);
    assert_eq!(models[0].offers[2].tools, None, "missing is not no");
}

#[test]
fn a_price_is_taken_from_its_digits_or_not_at_all() {
    let models = parse_hugging_face(include_bytes!("../fixtures/catalogues/hugging_face.json")).unwrap();
    let prices: Vec<(&str, Pricing)> =
        models[1].offers.iter().map(|offer| (offer.inference_provider.as_str(), offer.pricing)).collect();
    let expected = [
        ("zai-org", Pricing::Free),
        ("together", Pricing::Unpriced),
        ("novita", Pricing::Unpriced),
        ("deepinfra", priced("0.27", "0.0000001")),
        ("scaleway", Pricing::Unpriced),
        ("nscale", priced("0.300000001", "0")),
    ];
    assert_eq!(prices, expected);
}

#[test]
fn a_plain_list_gives_models_without_offers() {
    let models = parse_openai(include_bytes!("../fixtures/catalogues/openai.json")).unwrap();
    let read: Vec<(&str, Option<u64>)> =
        models.iter().map(|model| (model.id.as_str(), model.context_length)).collect();
    let expected = [
        ("Qwen/Qwen3-8B", Some(40_960)),
        ("smollm2", Some(8_192)),
        ("plain", None),
        ("windowed", Some(131_072)),
    ];
    assert_eq!(read, expected);
    assert!(models.iter().all(|model: &ListedModel| model.offers.is_empty()));
    assert_eq!(parse_openai(br#"[{"id":"bare"}]"#).unwrap()[0].id, "bare");
    assert!(parse_openai(br#"{"data":[]}"#).unwrap().is_empty());
}

#[test]
fn a_list_that_is_none_is_refused() {
    let no_list: [&[u8]; 9] = [
        b"",
        b"<html></html>",
        b"null",
        b"7",
        b"{}",
        b"{\"data\":{}}",
        b"{\"data\":[",
        b"\xff\xfe",
        b"{\"data\":[1,2,{}]}",
    ];
    for body in no_list {
        assert!(parse_hugging_face(body).is_err(), "{}", String::from_utf8_lossy(body));
        assert!(parse_openai(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
    let crowd = format!("[{}{{\"id\":\"x\"}}]", "{\"id\":\"x\"},".repeat(MODELS_MAX));
    assert!(matches!(parse_openai(crowd.as_bytes()), Err(CatalogueError::TooMany)));
}

fn priced(input: &str, output: &str) -> Pricing {
    let price = Price { input: input.parse().unwrap(), output: output.parse().unwrap(), cached_input: None };
    Pricing::Priced(price)
}
