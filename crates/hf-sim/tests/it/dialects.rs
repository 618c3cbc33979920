//! Each dialect, streamed and whole: where the reasoning goes, where the usage goes, how tools are called.

use serde_json::{Value, json};

use crate::client::{Reply, ask, ask_stream, chat, sim, with};

const MODEL: &str = "openai/gpt-oss-20b:groq";
const DIALECTS: [&str; 11] = [
    "groq",
    "together",
    "fireworks",
    "deepseek",
    "featherless",
    "cerebras",
    "tgi",
    "vllm",
    "sglang",
    "llamacpp",
    "transformers",
];

fn tools() -> Value {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!({ "tools": [{ "type": "function", "function": { "name": "weather", "parameters": parameters } }] })
}

/// Which events of a stream carry usage numbers: `separate`, `finish`, `choice`, and how many.
fn usage_places(reply: &Reply) -> Vec<&'static str> {
    let chunks = reply.chunks();
    let place = |chunk: &Value| match chunk {
        _ if chunk["choices"][0]["usage"].is_object() => Some("choice"),
        _ if !chunk["usage"].is_object() => None,
        _ if chunk["choices"] == json!([]) => Some("separate"),
        _ if chunk["choices"][0]["finish_reason"].is_string() => Some("finish"),
        _ => Some("middle"),
    };
    chunks.iter().filter_map(place).collect()
}

#[tokio::test]
async fn every_dialect_says_the_same_streamed_and_whole() {
    let sim = sim();
    let mut answers = std::collections::BTreeSet::new();
    for dialect in DIALECTS {
        let prompt = "What is it? [[sim tokens=20 reasoning=0]]";
        sim.clear_scripts();
        let script = serde_json::from_value(json!({ "dialect": dialect })).unwrap();
        sim.script(hf_sim::Match::any(), script);
        let whole = chat(&sim, &ask(MODEL, prompt)).await.json();
        let streamed = chat(&sim, &ask_stream(MODEL, prompt)).await;
        assert!(streamed.header("content-type").unwrap().starts_with("text/event-stream"));
        let content = whole["choices"][0]["message"]["content"].as_str().unwrap();
        assert_eq!(streamed.deltas("content"), content, "{dialect}");
        assert_eq!(whole["usage"]["completion_tokens"], 20, "{dialect}");
        assert_eq!(streamed.done(), dialect != "transformers", "{dialect}");
        assert!(!streamed.broken);
        answers.insert(content.to_owned());
    }
    assert_eq!(answers.len(), 1, "the dialect changes the form, not the answer");
}

#[tokio::test]
async fn reasoning_goes_where_the_dialect_puts_it() {
    let sim = sim();
    for dialect in DIALECTS {
        let key = match dialect {
            "groq" | "together" | "cerebras" | "vllm" => "reasoning",
            "featherless" => "content",
            _ => "reasoning_content",
        };
        let prompt = format!("Why? [[sim dialect={dialect} tokens=5 reasoning=4]]");
        let streamed = chat(&sim, &ask_stream(MODEL, &prompt)).await;
        let message = chat(&sim, &ask(MODEL, &prompt)).await.json()["choices"][0]["message"].clone();
        let thoughts = message[key].as_str().unwrap();
        assert_eq!(streamed.deltas(key), thoughts, "{dialect}");
        assert_eq!(
            thoughts.starts_with("<think>\n") && thoughts.contains("\n</think>\n\n"),
            key == "content"
        );
    }
}

#[tokio::test]
async fn usage_goes_where_the_dialect_puts_it() {
    let sim = sim();
    for dialect in DIALECTS {
        let prompt = format!("Hi [[sim dialect={dialect}]]");
        let asked = chat(&sim, &ask_stream(MODEL, &prompt)).await;
        let place = if ["deepseek", "transformers"].contains(&dialect) { "finish" } else { "separate" };
        assert_eq!(usage_places(&asked), [place], "{dialect}");
        let unasked = chat(&sim, &with(ask(MODEL, &prompt), &json!({ "stream": true }))).await;
        let always = ["fireworks", "deepseek", "transformers"].contains(&dialect);
        assert_eq!(usage_places(&unasked).len(), usize::from(always), "{dialect}");
    }
}

#[tokio::test]
async fn scripts_move_and_bend_the_usage() {
    let sim = sim();
    for (usage, places) in [
        ("none", vec![]),
        ("separate", vec!["separate"]),
        ("finish", vec!["finish"]),
        ("choice", vec!["choice"]),
        ("twice", vec!["separate", "separate"]),
        ("null", vec![]),
    ] {
        let reply = chat(&sim, &ask_stream(MODEL, &format!("Hi [[sim usage={usage}]]"))).await;
        assert_eq!(usage_places(&reply), places, "{usage}");
    }
    let growing = chat(&sim, &ask_stream(MODEL, "Hi [[sim usage=growing tokens=3 reasoning=0]]")).await;
    let chunks = growing.chunks();
    let counts: Vec<u64> =
        chunks.iter().map(|chunk| chunk["usage"]["completion_tokens"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 1, 2, 3, 3, 3]);
    for (usage, pointer, expected) in [
        ("flat_cached", "/cached_tokens", json!(0)),
        ("lying_negative", "/completion_tokens", json!(-100)),
        ("lying_huge", "/completion_tokens", json!(u64::MAX)),
        ("float", "/completion_tokens", json!(2.5)),
        ("string", "/completion_tokens", json!("2")),
        ("inconsistent", "/total_tokens", json!(1000 + 2 + 15)),
    ] {
        // 48 bytes are 12 tokens, and 3 for the message.
        let prompt = format!("{:-<48}", format!("[[sim usage={usage} tokens=2 reasoning=0]]"));
        let reply = chat(&sim, &ask(MODEL, &prompt)).await.json();
        assert_eq!(reply["usage"].pointer(pointer), Some(&expected), "{usage}: {}", reply["usage"]);
    }
}

#[tokio::test]
async fn cached_tokens_are_spelled_by_the_dialect() {
    let sim = sim();
    let long = "repeat after me ".repeat(400);
    for (dialect, pointer) in [
        ("groq", Some("/prompt_tokens_details/cached_tokens")),
        ("featherless", Some("/cached_tokens")),
        ("deepseek", Some("/prompt_cache_hit_tokens")),
        ("cerebras", None),
    ] {
        let question = format!("[[sim dialect={dialect}]] {long}");
        let fresh = chat(&sim, &ask(MODEL, &question)).await.json()["usage"].clone();
        let again = chat(&sim, &ask(MODEL, &question)).await.json()["usage"].clone();
        let total = again["prompt_tokens"].as_u64().unwrap();
        match pointer {
            None => assert!(!again.to_string().contains("cache")),
            Some(pointer) => {
                assert_eq!(fresh.pointer(pointer).unwrap(), 0, "{dialect}");
                assert_eq!(again.pointer(pointer).unwrap(), total / 128 * 128, "{dialect}");
            }
        }
    }
}

#[tokio::test]
async fn a_prompt_cache_belongs_to_one_model_at_one_provider_and_serves_what_is_shared() {
    let sim = sim();
    let long = "repeat after me ".repeat(400);
    let cached = async |model: &str, more: &str| {
        let messages = json!([{ "role": "system", "content": long }, { "role": "user", "content": more }]);
        let reply = chat(&sim, &json!({ "model": model, "messages": messages })).await.json();
        reply["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    assert_eq!(cached(MODEL, "one").await, 0);
    assert_eq!(cached("openai/gpt-oss-20b:together", "one").await, 0, "another provider");
    assert_eq!(cached("openai/gpt-oss-120b:groq", "one").await, 0, "another model");
    assert_eq!(cached(MODEL, &"two ".repeat(400)).await, 1603 / 128 * 128, "the beginning is shared");
}

#[tokio::test]
async fn tools_are_called_whole_or_in_fragments() {
    let sim = sim();
    for dialect in DIALECTS {
        let body = with(ask_stream(MODEL, &format!("[[sim dialect={dialect} reasoning=0]]")), &tools());
        let chunks = chat(&sim, &body).await.chunks();
        let calls: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
            .filter(|c| c.is_object())
            .collect();
        let whole = ["groq", "featherless", "cerebras"].contains(&dialect);
        assert_eq!(calls.len() == 1, whole, "{dialect}");
        let arguments: String =
            calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert!(arguments["city"].is_string(), "the arguments fit the schema");
        assert_eq!(calls[0]["function"]["name"], "weather");
        assert!(calls[0]["id"].is_string() && calls.iter().all(|call| call["index"] == 0));
        let reasons: Vec<&str> =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!(reasons, [if dialect == "tgi" { "stop" } else { "tool_calls" }], "{dialect}");
    }
}

#[tokio::test]
async fn each_dialect_has_its_own_marks() {
    let sim = sim();
    for (dialect, mark) in [
        ("groq", "\"channel\":\"analysis\""),
        ("groq", "\"x_groq\":{\"id\":\"req_"),
        ("groq", "\"queue_time\":"),
        ("together", "\"token_id\":"),
        ("deepseek", "\"prompt_cache_miss_tokens\":"),
        ("tgi", "{\"id\":\"\",\"object\":\"chat.completion.chunk\""),
        ("tgi", "\"delta\":{\"role\":\"assistant\",\"content\":\""),
        ("tgi", "\"logprobs\":null"),
        ("vllm", "\"prompt_tokens_details\":null"),
        ("sglang", "\"matched_stop\":2"),
        ("sglang", "\"reasoning_tokens\":3}"),
        ("llamacpp", "\"timings\":{\"prompt_n\":"),
        ("transformers", "\"system_fingerprint\":\"\""),
    ] {
        let prompt = format!("Hi [[sim dialect={dialect} tokens=4 reasoning=3]]");
        let text = chat(&sim, &ask_stream(MODEL, &prompt)).await.text();
        assert!(text.contains(mark), "{dialect}: no {mark} in {text}");
    }
}

#[tokio::test]
async fn the_role_can_be_sent_once_always_and_never() {
    let sim = sim();
    for (role, times) in [("first", 1), ("every", 4), ("none", 0)] {
        let prompt = format!("Hi [[sim role={role} tokens=3 reasoning=0]]");
        let chunks = chat(&sim, &ask_stream(MODEL, &prompt)).await.chunks();
        let roles = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string()).count();
        assert_eq!(roles, times, "{role}");
    }
}
