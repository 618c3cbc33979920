//! Scripted errors: every shape, and the headers around them.

use hf_sim::{ErrorBody, Match, Script};
use serde_json::json;

use crate::client::{ask, ask_stream, chat, get, sim};

const GROQ: &str = "openai/gpt-oss-20b:groq";

#[tokio::test]
async fn each_dialect_has_its_own_error_shape() {
    let sim = sim();
    for (dialect, body) in [
        ("groq", r#"{"error":{"message":"m","type":"rate_limit_error","param":null,"code":"c"}}"#),
        (
            "together",
            r#"{"id":"oSim-error","error":{"message":"m","type":"rate_limit_error","param":null,"code":"c"}}"#,
        ),
        (
            "fireworks",
            r#"{"error":{"object":"error","type":"rate_limit_error","code":"C","message":"m"},"request_id":"sim-error"}"#,
        ),
        ("zai", r#"{"error":{"code":"1302","message":"m"}}"#),
        ("featherless", r#"{"error":{"message":"m","type":"rate_limit_error","param":null,"code":"c"}}"#),
        ("cerebras", r#"{"message":"m","type":"rate_limit_error","param":null,"code":"c"}"#),
        ("tgi", r#"{"error":"m","error_type":"overloaded"}"#),
        ("vllm", r#"{"error":{"message":"m","type":"RateLimitError","param":null,"code":429}}"#),
        ("sglang", r#"{"object":"error","message":"m","type":"RateLimitError","param":null,"code":429}"#),
        ("llamacpp", r#"{"error":{"code":429,"message":"m","type":"rate_limit_error"}}"#),
        ("transformers", r#"{"detail":"m"}"#),
    ] {
        let prompt = format!("[[sim status=429 message=m code=c dialect={dialect}]]");
        let reply = chat(&sim, &ask(GROQ, &prompt)).await;
        assert_eq!((reply.status, reply.text().as_str()), (429, body), "{dialect}");
    }
}

#[tokio::test]
async fn each_body_can_be_asked_for() {
    let sim = sim();
    for (body, starts) in [
        ("json", r#"{"error":{"message":"#),
        ("flat", r#"{"message":"#),
        ("string", r#"{"error":"Model is overloaded"#),
        ("detail", r#"{"detail":"#),
        ("reason", r#"{"message":"upstream provider failed","reason":"timeout"}"#),
        ("cold", r#"{"error":"Model openai/gpt-oss-20b is currently loading","estimated_time":118.03}"#),
        ("dialect", r#"{"error":{"message":"#),
        ("html", "<html>\r\n<head><title>503 Service Temporarily Unavailable"),
        ("huge", "overloaded overloaded"),
        ("empty", ""),
    ] {
        let reply = chat(&sim, &ask_stream(GROQ, &format!("[[sim status=503 body={body}]]"))).await;
        assert_eq!(reply.status, 503);
        assert!(reply.text().starts_with(starts), "{body}: {}", reply.text());
        assert_eq!(reply.text().is_empty(), body == "empty");
        assert_eq!(reply.text().len() > 4_000_000, body == "huge");
        let json = starts.starts_with('{');
        assert_eq!(reply.header("content-type") == Some("application/json"), json, "{body}");
        assert_eq!(reply.header("x-inference-provider"), Some("groq"));
    }
}

#[tokio::test]
async fn a_429_has_a_retry_after_only_when_scripted() {
    let sim = sim();
    let bare = chat(&sim, &ask("openai/gpt-oss-20b:together", "[[sim status=429]]")).await;
    assert_eq!((bare.header("retry-after"), bare.header("x-ratelimit-remaining-requests")), (None, None));
    let told = "[[sim status=429 retry_after=2 ratelimit]]";
    let told = chat(&sim, &ask("openai/gpt-oss-20b:together", told)).await;
    assert_eq!(told.header("retry-after"), Some("2"));
    assert_eq!(told.header("x-ratelimit-remaining-requests"), Some("0"));
    let good = chat(&sim, &ask(GROQ, "Hi")).await;
    assert_eq!(good.header("x-ratelimit-limit-requests"), Some("14400"), "one provider sends them always");
}

#[tokio::test]
async fn the_account_errors_are_the_routers_whoever_serves() {
    let sim = sim();
    for (status, begins) in [
        (401, "Invalid username"),
        (402, "You have depleted"),
        (403, "This authentication method"),
        (410, "The requested model is deprecated and no longer supported by provider groq"),
    ] {
        let reply = chat(&sim, &ask(GROQ, &format!("[[sim status={status}]]"))).await;
        assert_eq!(reply.status, status);
        assert!(reply.json()["error"].as_str().unwrap().starts_with(begins), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_quota_error_can_come_as_a_429_with_its_code() {
    let sim = sim();
    let reply = chat(&sim, &ask("zai-org/GLM-4.6:zai-org", "[[sim status=429 code=1113]]")).await;
    assert_eq!(reply.json()["error"]["code"], "1113");
}

#[tokio::test]
async fn an_error_can_come_with_status_200() {
    let sim = sim();
    let reply = chat(&sim, &ask_stream("zai-org/GLM-4.6:zai-org", "[[sim ok_error status=429]]")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.json()["error"]["code"], "1302");
    assert_eq!(sim.total_usage().prompt_tokens, 0, "errors are free");
}

#[tokio::test]
async fn a_strict_provider_refuses_a_field() {
    let sim = sim();
    let stored = crate::client::with(ask("openai/gpt-oss-120b:cerebras", "Hi"), &json!({ "store": false }));
    let reply = chat(&sim, &stored).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["message"], "store: property 'store' is unsupported");
    assert_eq!(reply.json()["code"], "wrong_api_format");
    let unknown = crate::client::with(ask(GROQ, "[[sim dialect=transformers]]"), &json!({ "frobs": 1 }));
    let reply = chat(&sim, &unknown).await;
    assert_eq!((reply.status, reply.text().contains("frobs")), (422, true));
}

#[tokio::test]
async fn a_prompt_beyond_the_context_is_refused() {
    let sim = sim();
    let long = "word ".repeat(60_000);
    let reply = chat(&sim, &ask("meta-llama/Llama-3.1-8B-Instruct:novita", &long)).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("maximum context length is 16384 tokens"));
}

#[tokio::test]
async fn scripts_apply_to_whom_they_name_and_as_often_as_they_say() {
    let sim = sim();
    let status = |status| Script { status: Some(status), ..Script::default() };
    sim.script(Match::provider("groq").times(1), status(500));
    sim.script(Match::model("openai/gpt-oss-20b"), status(503));
    sim.script(Match::model("zai-org/GLM-4.6:together"), status(504));
    sim.script(Match::path("/v1/models"), Script { body: Some(ErrorBody::Html), ..status(502) });
    for (model, expected) in [
        ("openai/gpt-oss-20b:together", 503),
        ("openai/gpt-oss-20b:groq", 503),
        ("openai/gpt-oss-120b:groq", 200),
        ("zai-org/GLM-4.6:together", 504),
        ("zai-org/GLM-4.6", 200),
    ] {
        assert_eq!(chat(&sim, &ask(model, "Hi")).await.status, expected, "{model}");
    }
    assert_eq!(get(&sim, "/v1/models").await.status, 502);
    sim.clear_scripts();
    assert_eq!(chat(&sim, &ask("openai/gpt-oss-20b", "Hi")).await.status, 200);
    assert_eq!(get(&sim, "/v1/models").await.status, 200);
}

#[tokio::test]
async fn a_directive_can_fail_the_first_tries_only() {
    let sim = sim();
    for (prompt, expected) in [
        ("[[sim status=500 times=2]]", [500, 500, 200]),
        ("[[sim status=500 times=1 id=a]] one", [500, 200, 200]),
        ("[[sim status=500 times=2 id=a]] two", [200, 200, 200]),
        ("[[sim status=500 provider=together]]", [200, 200, 200]),
        ("[[sim status=500]] [[sim status=503 times=1]]", [503, 500, 500]),
    ] {
        for status in expected {
            assert_eq!(chat(&sim, &ask(GROQ, prompt)).await.status, status, "{prompt}");
        }
    }
}

#[tokio::test]
async fn a_typo_in_a_directive_is_named() {
    let sim = sim();
    let reply = chat(&sim, &ask(GROQ, "[[sim statis=500]]")).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status, error["code"].as_str()), (400, Some("bad_directive")));
    assert!(error["message"].as_str().unwrap().contains("statis"));
}
