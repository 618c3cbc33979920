//! The catalogue, and which provider serves which name.

use hf_sim::{Catalogue, CatalogueError, HfSim, SimConfig, Status, UnmappedError};
use serde_json::{Value, json};

use crate::client::{ask, chat, get, sim};

const LLAMA: &str = "meta-llama/Llama-3.1-8B-Instruct";

#[tokio::test]
async fn the_list_has_the_routers_shape_with_optional_fields_really_missing() {
    let sim = sim();
    let list = get(&sim, "/v1/models").await;
    assert_eq!((list.status, list.header("content-type")), (200, Some("application/json")));
    let list = list.json();
    assert_eq!(list["object"], "list");
    assert!(list.get("sim").is_none(), "what only the simulator knows is not served");
    let models = list["data"].as_array().unwrap();
    assert!(models.len() >= 15);
    let mut missing = std::collections::BTreeSet::new();
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_u64() && model["owned_by"].is_string());
        assert_eq!(model["architecture"]["output_modalities"], json!(["text"]));
        for offer in model["providers"].as_array().unwrap() {
            assert!(offer["provider"].is_string() && offer["is_model_author"].is_boolean(), "{offer}");
            assert!(["live", "error"].contains(&offer["status"].as_str().unwrap()));
            for field in
                ["pricing", "context_length", "throughput", "supports_tools", "supports_structured_output"]
            {
                match offer.get(field) {
                    None => drop(missing.insert(field)),
                    Some(value) => assert_ne!(*value, Value::Null, "missing is missing, not null"),
                }
            }
        }
    }
    assert_eq!(missing.len(), 5, "every optional field is missing somewhere: {missing:?}");
    assert!(models.iter().any(|m| m["providers"].as_array().unwrap().iter().any(|o| o["is_free"] == true)));
    assert!(models.iter().any(|m| m["architecture"]["input_modalities"] == json!(["text", "image"])));
}

#[tokio::test]
async fn one_model_is_served_by_its_id() {
    let sim = sim();
    let model = get(&sim, "/v1/models/deepseek-ai/DeepSeek-V4-Pro").await.json();
    assert_eq!(model["id"], "deepseek-ai/DeepSeek-V4-Pro");
    assert_eq!(model["providers"][0]["pricing"], json!({ "input": 1.69, "output": 3.38 }));
    assert_eq!(model["providers"][0]["first_token_latency_ms"], json!(1490), "numbers keep their form");
    let unknown = get(&sim, "/v1/models/no/such").await;
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (400, Some("model_not_found")));
}

#[tokio::test]
async fn suffixes_choose_the_provider() {
    let sim = sim();
    for (suffix, provider) in [
        ("", "cerebras"),
        (":fastest", "cerebras"),
        (":cheapest", "novita"),
        (":preferred", "together"),
        (":nscale", "nscale"),
        (":featherless-ai", "featherless-ai"),
    ] {
        let reply = chat(&sim, &ask(&format!("{LLAMA}{suffix}"), "Hi")).await;
        assert_eq!(reply.header("x-inference-provider"), Some(provider), "{suffix}");
        assert_eq!(reply.json()["model"], LLAMA, "the reply names the Hub id without the suffix");
        assert!(reply.header("x-request-id").unwrap().starts_with("Root=1-"));
    }
}

#[tokio::test]
async fn missing_speeds_and_prices_count_as_the_worst() {
    let sim = sim();
    let model = "deepseek-ai/DeepSeek-V4-Pro";
    let cheapest = chat(&sim, &ask(&format!("{model}:cheapest"), "Hi")).await;
    assert_eq!(cheapest.header("x-inference-provider"), Some("novita"), "fireworks-ai tells no price");
    for provider in ["novita", "fireworks-ai", "together"] {
        sim.set_status(model, provider, Status::Error);
    }
    let left = chat(&sim, &ask(model, "Hi")).await;
    assert_eq!(left.header("x-inference-provider"), Some("featherless-ai"), "it tells no speed");
}

#[tokio::test]
async fn selection_follows_the_status_and_pins_do_not() {
    let sim = sim();
    sim.set_status(LLAMA, "cerebras", Status::Error);
    let provider = |reply: crate::client::Reply| reply.header("x-inference-provider").map(str::to_owned);
    assert_eq!(provider(chat(&sim, &ask(LLAMA, "Hi")).await).as_deref(), Some("groq"));
    let pinned = chat(&sim, &ask(&format!("{LLAMA}:cerebras"), "Hi")).await;
    assert_eq!(provider(pinned).as_deref(), Some("cerebras"));
    let shown = get(&sim, &format!("/v1/models/{LLAMA}")).await.json();
    assert_eq!(shown["providers"][1]["status"], "error");
    sim.set_status(LLAMA, "cerebras", Status::Live);
    assert_eq!(provider(chat(&sim, &ask(LLAMA, "Hi")).await).as_deref(), Some("cerebras"));
}

#[tokio::test]
async fn names_that_nobody_serves_are_refused_in_the_routers_words() {
    let sim = sim();
    let refused = |name: &'static str, what: &str, code: &str| {
        let message = format!("The requested model '{name}' {what}");
        let error =
            json!({ "message": message, "type": "invalid_request_error", "param": "model", "code": code });
        (name, 400, json!({ "error": error }))
    };
    let unsupported = "is not supported by any provider you have enabled.";
    let gone =
        "The requested model is deprecated and no longer supported by provider hf-inference".to_owned();
    for (name, status, body) in [
        refused("no/such", "does not exist.", "model_not_found"),
        refused("no/such:groq", "does not exist.", "model_not_found"),
        refused("openai/GPT-OSS-20b", "does not exist.", "model_not_found"),
        refused("allenai/Olmo-3-7B-Instruct", unsupported, "model_not_supported"),
        refused("openai/gpt-oss-20b:cohere", unsupported, "model_not_supported"),
        refused("BAAI/bge-reranker-v2-m3", "is not a chat model.", "model_not_supported"),
        refused("HuggingFaceH4/zephyr-7b-beta", unsupported, "model_not_supported"),
        ("HuggingFaceH4/zephyr-7b-beta:hf-inference", 410, json!({ "error": gone })),
    ] {
        let reply = chat(&sim, &ask(name, "Hi")).await;
        assert_eq!((reply.status, reply.json()), (status, body), "{name}");
    }
    // Even the order of the members is the router's.
    let text = chat(&sim, &ask("no/such", "Hi")).await.text();
    assert!(
        text.starts_with(
            "{\"error\":{\"message\":\"The requested model 'no/such' does not exist.\",\"type\""
        )
    );
}

#[tokio::test]
async fn an_unmapped_provider_can_be_refused_in_the_other_shape() {
    let config = SimConfig { unmapped_error: UnmappedError::Text, ..SimConfig::default() };
    let sim = HfSim::start(config).unwrap();
    let reply = chat(&sim, &ask("openai/gpt-oss-20b:cohere", "Hi")).await;
    assert_eq!(reply.json(), json!({ "error": "Model not supported by provider cohere" }));
}

#[tokio::test]
async fn another_catalogue_can_be_served() {
    let entry = json!({ "id": "me/mine", "object": "model", "created": 1, "owned_by": "me", "extra": [1],
        "architecture": { "input_modalities": ["text"], "output_modalities": ["text"] },
        "providers": [{ "provider": "brand-new", "status": "live", "is_model_author": false, "hue": "red" }] });
    let catalogue = Catalogue::from_json(&json!({ "object": "list", "data": [entry] }).to_string()).unwrap();
    let sim = HfSim::start(SimConfig { catalogue, ..SimConfig::default() }).unwrap();
    assert_eq!(get(&sim, "/v1/models").await.json()["data"], json!([entry]), "unknown fields survive");
    let reply = chat(&sim, &ask("me/mine", "Hi")).await;
    assert_eq!(reply.header("x-inference-provider"), Some("brand-new"));
}

#[test]
fn a_bad_catalogue_is_refused_with_a_reason() {
    let twice = r#"{"data":[{"id":"a/b","providers":[]},{"id":"a/b","providers":[]}]}"#;
    assert!(matches!(Catalogue::from_json(twice), Err(CatalogueError::Twice(id)) if id == "a/b"));
    for text in ["", "[]", r#"{"data":[{"id":"a/b"}]}"#, r#"{"data":[],"sim":{"thnking":[]}}"#] {
        assert!(matches!(Catalogue::from_json(text), Err(CatalogueError::Shape(_))), "{text}");
    }
}
