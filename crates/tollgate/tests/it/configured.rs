//! What the operator wrote down comes first: configured prices, models and routes against those of the catalogue.

use serde_json::json;

use crate::harness::{Gateway, MODEL, Setup, ask};

/// A price of our own for a listed model, and a route of our own.
const OURS: &str = "[models.\"openai/gpt-oss-120b\"]\nprovider = \"huggingface\"\n\
                    price = { input = \"500\", output = \"500\" }\n\
                    [routes.smart]\noffers = [\"huggingface/openai/gpt-oss-120b\"]\n";

#[tokio::test]
async fn a_configured_price_stands_in_any_case_and_under_any_policy() {
    let setup = Setup { credit: "100.00", toml: OURS.to_owned(), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let mut costs = Vec::new();
    for model in [MODEL, "OpenAI/GPT-OSS-120B", "openai/gpt-oss-120b:fastest", "openai/gpt-oss-120b:cheapest"]
    {
        let mut body = ask("Hello");
        body["model"] = json!(model);
        let reply = gateway.client.chat(&body).await;
        assert_eq!(reply.status, 200, "{model}: {reply:?}");
        let tokens = reply.json()["usage"]["total_tokens"].as_u64().expect("tokens");
        let receipt = gateway.receipt(&reply.call_id()).await;
        costs.push((model, receipt["total_cost"].to_string(), tokens));
    }
    for (model, cost, tokens) in costs {
        // 500 dollars per million is half a thousandth per token.
        let nanos = cost.parse::<domain::Money>().expect("an amount").nanos();
        assert_eq!(nanos, i64::try_from(tokens).expect("few") * 500_000, "{model}");
    }
    let sent: Vec<_> = gateway.sim.requests().into_iter().filter_map(|request| request.model).collect();
    assert!(sent.contains(&"openai/gpt-oss-120b:cheapest".to_owned()), "{sent:?}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_route_is_listed_among_the_models() {
    let gateway = Gateway::start_with(Setup { toml: OURS.to_owned(), ..Setup::default() }).await;
    let list = gateway.client.get("/v1/models").await.json();
    let listed = list["data"].as_array().expect("a list").iter().find(|model| model["id"] == "smart");
    let shown = gateway.client.get("/v1/models/smart").await.json();
    assert_eq!(listed, Some(&shown));
    assert_eq!(shown["pricing"]["input"], "500.00");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_configured_model_comes_before_a_listed_one() {
    let toml = "[providers.zelda]\nbase_url = \"http://127.0.0.1:9/v1\"\ncatalogue = \"none\"\n\
                [models.\"openai/gpt-oss-120b\"]\nprovider = \"zelda\"\nfree = true\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let reply = gateway.client.chat(&ask("Hello")).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-tollgate-provider")), (502, "zelda"));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_that_begins_with_comments_says_why_and_with_which_limit() {
    let toml = "[server]\nkeep_alive_ms = 20\n".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut body = ask("Hello [[sim first_token_ms=400]]");
    body.as_object_mut().expect("an object").remove("max_tokens");
    let stream = gateway.client.stream(&body).await;
    assert!(stream.headers["x-tollgate-route"].to_str().expect("text").contains("huggingface"));
    assert!(stream.headers.contains_key("x-tollgate-max-tokens"));
    assert!(!stream.headers.contains_key("x-tollgate-inference-provider"), "not known yet");
    assert!(stream.rest().await.done);
    assert!(gateway.finish().await);
}
