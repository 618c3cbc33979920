//! Embeddings that are refused, and upstreams that fail or lie: the client is told, and nobody pays.

use hf_sim::{Match, Script};
use serde_json::{Value, json};

use crate::embeddings::{AROUND, DEEPINFRA, asked, embed, setup, texts};
use crate::harness::{Gateway, Setup, ask_model};
use crate::rates::Rates;
use crate::raw::{Raw, reply};

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_free() {
    let gateway = Gateway::start_with(setup()).await;
    let with = |model: &str, key: &str, value: Value| {
        let mut body = texts(model, json!("Hello"));
        body[key] = value;
        body
    };
    for (body, status, code, param) in [
        (json!({"model": "BAAI/bge-m3"}), 400, "missing_required_parameter", Some("input")),
        (texts("BAAI/bge-m3", json!([])), 400, "invalid_value", Some("input")),
        (texts("BAAI/bge-m3", json!(vec!["a"; 2_049])), 400, "invalid_value", Some("input")),
        (texts("BAAI/bge-m3", json!([1, 2])), 400, "unsupported_parameter", Some("input")),
        (with("BAAI/bge-m3", "dimensions", json!(8)), 400, "unsupported_parameter", Some("dimensions")),
        (with("e5", "stream", json!(true)), 400, "unsupported_parameter", Some("stream")),
        (texts("openai/gpt-oss-20b", json!("a")), 400, "model_not_supported", Some("model")),
        (texts("openai/gpt-oss-20b:groq", json!("a")), 400, "model_not_supported", Some("model")),
        (texts("BAAI/bge-m3:fastest", json!("a")), 404, "model_not_found", Some("model")),
        (texts("nobody/knows", json!("a")), 404, "model_not_found", Some("model")),
        (with("e5", "provider", json!("nobody")), 400, "unknown_provider", Some("provider")),
        (texts("sentence-transformers/all-MiniLM-L6-v2", json!("a")), 400, "model_not_priced", Some("model")),
    ] {
        let reply = embed(&gateway.client, &body).await;
        let shown: String = body.to_string().chars().take(100).collect();
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{shown}: {reply:?}");
        assert_eq!(reply.json()["error"]["param"].as_str(), param, "{shown}");
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!((receipt.rule.as_str(), receipt.error.as_deref()), ("not_sent", Some(code)), "{shown}");
    }
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"] {
        let mut body = ask_model("BAAI/bge-m3", "Hello");
        match path {
            "/v1/responses" => body = texts("BAAI/bge-m3", json!("Hello")),
            "/v1/completions" => body = json!({"model": "BAAI/bge-m3", "prompt": "Hello"}),
            _ => {}
        }
        let reply = gateway.client.post(path, body.to_string()).await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        let said = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(said.contains("/v1/embeddings"), "{path}: {said}");
    }
    assert!(asked(&gateway).is_empty());
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn of_a_mixed_route_the_offers_serve_that_can() {
    let gateway = Gateway::start_with(setup()).await;
    let vectors = embed(&gateway.client, &texts("mixed", json!("Hello"))).await;
    assert_eq!((vectors.status.as_u16(), vectors.header("x-tollgate-model")), (200, "e5"), "{vectors:?}");
    let chat = gateway.client.chat(&ask_model("mixed", "Hello")).await;
    assert_eq!((chat.status.as_u16(), chat.header("x-tollgate-model")), (200, "openai/gpt-oss-20b"));
    // The task cannot choose the length of its vectors; the other offer can.
    let mut short = texts("vectors", json!("Hello"));
    short["dimensions"] = json!(8);
    let short = embed(&gateway.client, &short).await;
    assert_eq!(short.header("x-tollgate-inference-provider"), "deepinfra", "{short:?}");
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_offer_that_fails_is_left_for_the_next_at_its_price() {
    for script in [
        Script { status: Some(429), ..Script::default() },
        Script { status: Some(503), ..Script::default() },
        Script { ok_error: true, ..Script::default() },
    ] {
        let gateway = Gateway::start_with(setup()).await;
        gateway.sim.script(Match::provider("hf-inference"), script);
        let body = texts("vectors", json!("Hello"));
        let reply = embed(&gateway.client, &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let receipt = gateway.books().receipt(&reply.call_id()).await;
        assert_eq!((receipt.attempts, receipt.served_by.as_deref()), (2, Some("deepinfra")));
        assert_eq!(receipt.hold, DEEPINFRA.cost(7 + AROUND, 0), "held at the dearest");
        assert_eq!(receipt.charge, DEEPINFRA.cost(4, 0));
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn what_an_upstream_gets_wrong_is_told_and_free() {
    let raw = Raw::start().await;
    let models =
        "[models.\"raw-vectors\"]\nprovider = \"raw\"\nkind = \"embeddings\"\nprice = { input = \"1\" }\n";
    let gateway = Gateway::start_with(Setup { toml: raw.toml_with("") + models, ..Setup::default() }).await;
    let body = texts("raw-vectors", json!(["a", "b"]));
    for (status, said, expected, code) in [
        ("200 OK", "[[1],[2]]", 502, "upstream_malformed"),
        ("200 OK", "{\"data\":[{\"embedding\":[1]}]}", 502, "upstream_malformed"),
        ("200 OK", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[\"x\"]}]}", 502, "upstream_malformed"),
        ("200 OK", "{\"error\":\"boom\"}", 502, "upstream_error"),
        ("400 Bad Request", "{\"error\":{\"message\":\"too long\"}}", 400, "upstream_rejected"),
        ("401 Unauthorized", "{}", 502, "upstream_auth"),
        ("404 Not Found", "{\"error\":\"Not Found\"}", 404, "model_not_found"),
    ] {
        let always = raw.always(reply(status, "application/json", said));
        let got = embed(&gateway.client, &body).await;
        drop(always);
        assert_eq!((got.status.as_u16(), got.code().as_str()), (expected, code), "{said}: {got:?}");
        let receipt = gateway.books().receipt(&got.call_id()).await;
        assert_eq!(receipt.rule, "nothing_generated", "{said}");
    }
    let good = "{\"id\":\"e1\",\"x\":{\"y\":1},\"data\":[{\"embedding\":[1]},{\"embedding\":[2]}],\
                \"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}";
    let answer = reply("200 OK", "application/json", good);
    let (got, exchange) = tokio::join!(embed(&gateway.client, &body), raw.answer(answer.as_bytes()));
    assert!(exchange.head.starts_with("POST /v1/embeddings "), "{}", exchange.head);
    assert_eq!(exchange.json(), body);
    assert_eq!(got.json()["x"], json!({"y": 1}));
    let spent = gateway.settled().await.spent;
    assert_eq!(spent, Rates::milli(1_000, 0).cost(3, 0));
    assert!(gateway.finish().await);
}
