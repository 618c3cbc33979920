//! Completions that are refused, by the router and by the providers.

use serde_json::json;

use crate::client::{ask, call, chat, get, post, sim};
use crate::completions::{CODER, FEATHERLESS, LLAMA, PLACES, TOGETHER, plain};

#[tokio::test]
async fn what_nobody_serves_is_refused_by_the_router() {
    let sim = sim();
    for (path, model, status) in [
        ("/v1/completions", LLAMA, 404),
        ("/groq/v1/completions", LLAMA, 404),
        ("/hf-inference/v1/completions", LLAMA, 404),
        ("/deepinfra/v1/completions", LLAMA, 404),
        (TOGETHER, CODER, 400),
        (FEATHERLESS, "nobody/knows", 400),
        ("/hf-inference/models/meta-llama/Llama-3.1-8B/v1/completions", LLAMA, 400),
        (TOGETHER, LLAMA, 200),
    ] {
        let body = json!({ "model": model, "prompt": "a" });
        let reply = post(&sim, path, &body).await;
        assert_eq!(reply.status, status, "{path} {model}: {}", reply.text());
        if status == 400 {
            assert_eq!(reply.json()["error"]["code"], "model_not_supported", "{path}");
        }
    }
    for (body, field) in [(json!({ "prompt": "a" }), "model"), (json!([1]), "Invalid request body")] {
        let reply = post(&sim, TOGETHER, &body).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (400, &json!("invalid_request")),
            "{body}"
        );
        assert!(reply.text().contains(field), "{}", reply.text());
    }
    for (token, status) in [("", 401), ("Bearer hf_broke", 402), ("Bearer hf_noinference", 403)] {
        let body = json!({ "model": LLAMA, "prompt": "a" }).to_string();
        let reply = call(&sim, "POST", TOGETHER, &[("authorization", token)], &body).await;
        assert_eq!(reply.status, status, "{token}");
    }
    assert_eq!(call(&sim, "GET", TOGETHER, &[], "").await.status, 404);
    let chat = chat(&sim, &ask(LLAMA, "Hi")).await.json();
    assert_eq!(chat["error"]["code"], "model_not_supported", "a base model does not chat");
    let listed = get(&sim, "/v1/models").await.text();
    assert!(!listed.contains(&format!("\"{LLAMA}\"")), "nor is it in the list of those that do");
}

#[tokio::test]
async fn what_a_provider_cannot_read_it_refuses_in_its_own_words() {
    let sim = sim();
    for more in [
        json!({ "prompt": null }),
        json!({ "prompt": 7 }),
        json!({ "prompt": [] }),
        json!({ "prompt": ["a", []] }),
        json!({ "prompt": ["a", 1] }),
        json!({ "prompt": [-1] }),
        json!({ "prompt": {} }),
        json!({ "prompt": vec!["a"; 129] }),
        json!({ "prompt": vec!["a"; 65], "n": 2 }),
        json!({ "suffix": 1 }),
        json!({ "echo": "yes" }),
        json!({ "logprobs": 6 }),
        json!({ "logprobs": true }),
        json!({ "n": 0 }),
        json!({ "n": 17 }),
        json!({ "n": 3, "best_of": 2 }),
        json!({ "best_of": 21 }),
        json!({ "best_of": 2, "stream": true }),
        json!({ "max_tokens": 0 }),
        json!({ "max_tokens": -1 }),
        json!({ "max_tokens": "16" }),
        json!({ "stream": 1 }),
        json!({ "stream_options": true }),
        json!({ "stop": 1 }),
    ] {
        let reply = post(&sim, FEATHERLESS, &plain("a", &more)).await;
        assert_eq!(reply.status, 400, "{more}: {}", reply.text());
        assert_eq!(reply.header("x-inference-provider"), Some("featherless-ai"), "{more}");
    }
    for (path, model, error) in [
        (PLACES[0].0, "", json!({ "error": "'n' must be between 1 and 16", "error_type": "unknown" })),
        (
            "/novita/v3/openai/completions",
            CODER,
            json!({ "error": { "code": "1210", "message": "'n' must be between 1 and 16" } }),
        ),
        (
            "/deepinfra/v1/openai/completions",
            LLAMA,
            json!({ "error": { "message": "'n' must be between 1 and 16", "type": "BadRequestError",
                "param": null, "code": 400 } }),
        ),
    ] {
        let reply = post(&sim, path, &json!({ "model": model, "prompt": "a", "n": 0 })).await;
        assert_eq!((reply.status, reply.json()), (400, error), "{path}");
    }
    let long = post(&sim, PLACES[0].0, &json!({ "prompt": ["a", "x".repeat(4 * 1024 + 1)] })).await;
    assert_eq!(long.status, 400);
    assert!(long.text().contains("1024 tokens. However, your prompt resulted in 1025"), "{}", long.text());
    assert_eq!(post(&sim, PLACES[0].0, &json!({ "prompt": "x".repeat(4 * 1024) })).await.status, 200);
    assert_eq!(sim.total_usage().prompt_tokens, 1024, "what is refused costs nothing");
}
