//! Embeddings, at the routes where the router has them.

use hf_sim::{Match, Script, UsageFault};
use serde_json::{Value, json};

use crate::client::{ask, call, chat, post, sim};

const TASK: &str = "/hf-inference/models/BAAI/bge-m3/pipeline/feature-extraction";
const DEEPINFRA: &str = "/deepinfra/v1/openai/embeddings";

#[tokio::test]
async fn the_same_text_has_the_same_vector_in_both_shapes() {
    let sim = sim();
    let bare = post(&sim, TASK, &json!({"inputs": ["A cat.", "A dog."]})).await.json();
    let listed = post(&sim, DEEPINFRA, &json!({"model": "BAAI/bge-m3", "input": ["A dog."]})).await.json();
    assert_eq!(bare[0].as_array().map(Vec::len), Some(1024));
    assert_ne!(bare[0], bare[1]);
    assert_eq!(listed["data"][0]["embedding"], bare[1]);
    assert_eq!(listed["usage"], json!({"prompt_tokens": 4, "total_tokens": 4}));
    let short = json!({"model": "BAAI/bge-m3", "input": [[1, 2], [3]], "dimensions": 8});
    let short = post(&sim, DEEPINFRA, &short).await.json();
    assert_eq!(short["data"][1]["embedding"].as_array().map(Vec::len), Some(8));
    assert_eq!(short["usage"]["prompt_tokens"], 7);
    assert_eq!(sim.total_usage().prompt_tokens, 8 + 4 + 7);
}

#[tokio::test]
async fn what_nobody_serves_is_refused() {
    let sim = sim();
    let model = |model: &str| json!({"model": model, "input": "a"});
    for (path, body, status) in [
        ("/v1/embeddings", model("BAAI/bge-m3"), 404),
        ("/groq/v1/embeddings", model("BAAI/bge-m3"), 404),
        ("/together/v1/embeddings", model("BAAI/bge-m3"), 400),
        ("/scaleway/v1/embeddings", model("bge-multilingual-gemma2"), 200),
        ("/together/v1/embeddings", model("intfloat/multilingual-e5-large-instruct"), 200),
        (TASK, json!({"inputs": []}), 400),
        (TASK, json!({"inputs": [[1]]}), 400),
        (TASK, json!({"input": "a"}), 400),
        (TASK, json!({"inputs": "a"}), 200),
        ("/hf-inference/models/a/b/pipeline/feature-extraction", json!({"inputs": "a"}), 400),
    ] {
        let reply = post(&sim, path, &body.clone()).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
    }
    assert_eq!(call(&sim, "POST", TASK, &[], "{}").await.status, 401);
    assert_eq!(chat(&sim, &ask("BAAI/bge-m3", "Hi")).await.json()["error"]["code"], "model_not_supported");
}

#[tokio::test]
async fn faults_are_scripted_as_for_chat() {
    let sim = sim();
    sim.script(Match::provider("deepinfra").times(1), Script { status: Some(429), ..Script::default() });
    let body = |text: &str| json!({"model": "BAAI/bge-m3", "input": ["a", text]});
    assert_eq!(post(&sim, DEEPINFRA, &body("b")).await.status, 429);
    assert_eq!(post(&sim, DEEPINFRA, &body("b")).await.status, 200);
    assert_eq!(post(&sim, DEEPINFRA, &body("[[sim status=503]]")).await.status, 503);
    assert!(post(&sim, DEEPINFRA, &body("[[sim cut_after=1]]")).await.broken);
    let script = Script { usage: Some(UsageFault::None), ..Script::default() };
    sim.script(Match::path(DEEPINFRA), script);
    assert_eq!(post(&sim, DEEPINFRA, &body("b")).await.json()["usage"], Value::Null);
}
