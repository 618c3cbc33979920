//! Completions that go as they are to who completes texts: what is sent and relayed, what it costs, and where a prompt
//! goes to a chat all the same.

use domain::AccountKind;
use hf_sim::{Match, Script};
use serde_json::{Value, json};

use crate::client::{Reply, Stream};
use crate::dialects::{Dialect, Seen};
use crate::dialects_endings::{Row, rows};
use crate::harness::{Gateway, Setup};
use crate::idempotency::assert_replayed;
use crate::rates::{Rates, cost_in};
use crate::raw::{RAW_MODEL, Raw, reply};

/// The base models of the tests at Hugging Face.
pub(crate) const MODELS: &str = r#"
[models."openai-community/gpt2"]
provider = "huggingface"
kind = "completions"
price = { input = "0.10", output = "0.20" }
[models."coder"]
provider = "huggingface"
upstream_model = "Qwen/Qwen2.5-Coder-7B:novita"
kind = "completions"
price = { input = "0.30", output = "0.40" }
[models."coder-featherless"]
provider = "huggingface"
upstream_model = "Qwen/Qwen2.5-Coder-7B:featherless-ai"
kind = "completions"
price = { input = "0.30", output = "0.40" }
[models."llama-together"]
provider = "huggingface"
upstream_model = "meta-llama/Llama-3.1-8B:together"
kind = "completions"
price = { input = "0.30", output = "0.40" }
[models."llama-deepinfra"]
provider = "huggingface"
upstream_model = "meta-llama/Llama-3.1-8B:deepinfra"
kind = "completions"
price = { input = "0.30", output = "0.40" }
[routes.coders]
strategy = "ordered"
offers = ["huggingface/openai/gpt-oss-20b", "huggingface/coder", "huggingface/coder-featherless"]
"#;

pub(crate) const GPT2: Rates = Rates::milli(100, 200);
const CODER: Rates = Rates::milli(300, 400);

/// What a server may put around one prompt, in tokens.
const AROUND: u64 = 16;

fn setup() -> Setup {
    Setup { toml: MODELS.to_owned(), ..Setup::default() }
}

pub(crate) fn prompt(model: &str, prompt: Value) -> Value {
    let mut body = json!({"model": model, "max_tokens": 8});
    body["prompt"] = prompt;
    body
}

async fn complete(gateway: &Gateway, body: &Value) -> Reply {
    gateway.client.post("/v1/completions", body.to_string()).await
}

/// The paths and bodies of what the simulator was asked, but for the lists of models.
fn asked(gateway: &Gateway) -> Vec<(String, Value)> {
    let requests = gateway.sim.requests();
    let calls = requests.iter().filter(|request| request.path != "/v1/models");
    calls.map(|call| (call.path.clone(), serde_json::from_slice(&call.body).expect("JSON"))).collect()
}

#[tokio::test]
async fn each_of_hugging_faces_providers_is_asked_at_its_own_route() {
    let gateway = Gateway::start_with(setup()).await;
    for (model, path, sent, rates) in [
        (
            "openai-community/gpt2",
            "/hf-inference/models/openai-community/gpt2/v1/completions",
            "openai-community/gpt2",
            GPT2,
        ),
        ("coder", "/novita/v3/openai/completions", "Qwen/Qwen2.5-Coder-7B", CODER),
        ("coder-featherless", "/featherless-ai/v1/completions", "Qwen/Qwen2.5-Coder-7B", CODER),
        ("llama-together", "/together/v1/completions", "meta-llama/Llama-3.1-8B", CODER),
        ("llama-deepinfra", "/deepinfra/v1/openai/completions", "meta-llama/Llama-3.1-8B", CODER),
    ] {
        let mut body = prompt(model, json!("Once upon a time"));
        body["suffix"] = json!("the end.");
        let answer = complete(&gateway, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        body["model"] = json!(sent);
        assert_eq!(asked(&gateway).pop(), Some((path.to_owned(), body)));
        let told = answer.json();
        assert_eq!(told["object"], "text_completion");
        assert!(told["choices"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
        assert_eq!(told["usage"]["cost_details"]["usage_source"], "reported");
        let receipt = gateway.books().receipt(&answer.call_id()).await;
        assert_eq!((receipt.rule.as_str(), receipt.source.as_str()), ("reported", "reported"));
        assert_eq!(receipt.charge, rates.cost(receipt.input, receipt.output));
        assert_eq!(receipt.output, told["usage"]["completion_tokens"].as_u64().expect("a number"));
        let written = "\"Once upon a time\"".len() + "\"suffix\"\"the end.\"".len();
        assert_eq!(receipt.hold, rates.cost(written as u64 + AROUND, 8), "{model}");
        assert_eq!(cost_in(&String::from_utf8_lossy(&answer.body)), Some(receipt.charge));
        assert!(path.starts_with(&format!("/{}/", receipt.served_by.as_deref().expect("named"))));
        let shown = gateway.admin.get(&format!("/admin/receipts/{}", answer.call_id())).await.json();
        assert_eq!(
            (&shown["dialect"], &shown["model_asked"]),
            (&json!("completions"), &json!(model)),
            "{shown}"
        );
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn several_prompts_and_choices_are_one_call_and_what_is_repeated_costs_nothing() {
    let gateway = Gateway::start_with(setup()).await;
    for (input, n, choices) in
        [(json!(["One", "Two"]), 2, 4), (json!([[1, 2, 3], [4]]), 1, 2), (json!([5, 6]), 3, 3)]
    {
        for usage in ["", " [[sim usage=none]]"] {
            let mut input = input.clone();
            if let Some(last) =
                input.as_array_mut().and_then(|all| all.last_mut()).filter(|last| last.is_string())
            {
                *last = json!(format!("Two{usage}"));
            }
            let mut body = prompt("coder", input);
            body["n"] = json!(n);
            let plain = complete(&gateway, &body).await;
            body["echo"] = json!(true);
            let echoed = complete(&gateway, &body).await;
            let receipt = async |reply: &Reply| {
                assert_eq!(reply.json()["choices"].as_array().map(Vec::len), Some(choices), "{reply:?}");
                gateway.books().receipt(&reply.call_id()).await
            };
            let (plain, echoed) = (receipt(&plain).await, receipt(&echoed).await);
            // Counted or estimated, from what is no prompt.
            assert_eq!((echoed.output, echoed.charge), (plain.output, plain.charge), "{body}: {echoed:?}");
            assert!(echoed.output > choices as u64, "{body}: {echoed:?}");
            assert_eq!(echoed.charge, CODER.cost(echoed.input, echoed.output));
        }
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_passes_chunk_by_chunk_and_ends_with_its_usage() {
    let gateway = Gateway::start_with(setup()).await;
    let mut body = prompt("openai-community/gpt2", json!("Once upon a time"));
    let whole = complete(&gateway, &body).await.json();
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let response = Dialect::Completions.open(&gateway.client, &body).await;
    let stream = Stream::of(response);
    let (call, told) = (stream.call_id(), stream.rest().await);
    assert!(told.done, "{}", told.raw);
    let text: String = told.events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, whole["choices"][0]["text"].as_str().expect("a text"));
    assert!(told.events.iter().all(|event| event["object"] == "text_completion"), "{}", told.raw);
    let usage = &told.events.last().expect("an event")["usage"];
    let receipt = gateway.books().receipt(&call).await;
    assert_eq!(usage["completion_tokens"].as_u64(), Some(receipt.output));
    assert_eq!(cost_in(&told.raw), Some(receipt.charge));
    assert_eq!(receipt.charge, GPT2.cost(receipt.input, receipt.output));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_ending_is_told_and_charged_as_that_of_a_chat() {
    let toml = "timeouts = { first_byte_ms = 1500, idle_ms = 1500, total_ms = 20000 }\n".to_owned() + MODELS;
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for row in rows() {
        let question = |model: &str| {
            let text = format!("Hello [[sim {}]]", row.script);
            let mut body = Dialect::Completions.ask_model(model, &text);
            body["stream"] = json!(row.streamed);
            body
        };
        let chat = Dialect::Completions.call(&gateway.client, &question("openai/gpt-oss-120b")).await;
        let seen = Dialect::Completions.call(&gateway.client, &question("llama-together")).await;
        row.check_seen(Dialect::Completions, &seen, row.script);
        let ending = async |seen: &Seen| {
            let receipt = gateway.books().receipt(&seen.call).await;
            assert_eq!(receipt.charge.nanos() > 0, receipt.input + receipt.output > 0, "{receipt:?}");
            let Row { script, .. } = row;
            (script, receipt.outcome, receipt.rule, receipt.source, receipt.error, receipt.status)
        };
        assert_eq!(ending(&seen).await, ending(&chat).await);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_is_completed_once() {
    let gateway = Gateway::start_with(setup()).await;
    for streamed in [false, true] {
        let mut body = prompt("openai-community/gpt2", json!(["Once upon a time", "Once more"]));
        body["stream"] = json!(streamed);
        let key = format!("\"once-{streamed}\"");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let send = async || {
            let (method, text) = (hyper::Method::POST, body.to_string());
            Reply::read(gateway.client.send_with(method, "/v1/completions", &headers, text).await).await
        };
        let (before, first) = (asked(&gateway).len(), send().await);
        assert_eq!(first.status, 200, "{first:?}");
        assert_replayed(&first, &send().await);
        assert_eq!(asked(&gateway).len(), before + 1);
    }
    assert_eq!(gateway.books().check().await.len(), 2);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_prompt_goes_to_a_chat_where_nobody_completes_or_a_session_is_kept() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup_with("completions = \"openai\"")).await;
    let text = r#"{"id":"c","choices":[{"index":0,"text":" a time","finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let chat = r#"{"id":"c","choices":[{"index":0,"message":{"content":" a time"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    for (session, path, answer) in [
        (Value::Null, "POST /v1/completions ", text),
        (json!("mine"), "POST /v1/chat/completions ", chat),
        (json!("mine"), "POST /v1/chat/completions ", chat),
    ] {
        let mut body = prompt(RAW_MODEL, json!("Once upon"));
        body["session_id"] = session.clone();
        let answer = reply("200 OK", "application/json", answer);
        let (told, exchange) = tokio::join!(complete(&gateway, &body), raw.answer(answer.as_bytes()));
        assert_eq!(told.json()["choices"][0]["text"], " a time", "{told:?}");
        assert!(exchange.head.starts_with(path), "{session}: {}", exchange.head);
        assert!(!String::from_utf8_lossy(&exchange.body).contains("session_id"));
    }
    // The simulator's chat models complete no texts.
    let told = complete(&gateway, &prompt("openai/gpt-oss-20b", json!("Once upon"))).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(asked(&gateway).pop().map(|(path, _)| path).as_deref(), Some("/v1/chat/completions"));
    for (key, value) in
        [("suffix", json!("end")), ("echo", json!(true)), ("n", json!(2)), ("prompt", json!([1, 2]))]
    {
        let mut body = prompt("openai/gpt-oss-20b", json!("Once upon"));
        body[key] = value;
        let told = complete(&gateway, &body).await;
        assert_eq!(
            (told.status.as_u16(), told.json()["error"]["param"].as_str()),
            (400, Some(key)),
            "{told:?}"
        );
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn of_a_mixed_route_those_complete_that_can_and_fail_over_among_them() {
    let gateway = Gateway::start_with(setup()).await;
    let unavailable = Script { status: Some(503), ..Script::default() };
    gateway.sim.script(Match::provider("novita"), unavailable);
    let told = complete(&gateway, &prompt("coders", json!("def f():"))).await;
    assert_eq!(told.status, 200, "{told:?}");
    let paths: Vec<String> = asked(&gateway).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/novita/v3/openai/completions", "/featherless-ai/v1/completions"]);
    let mut body = prompt("coders", json!("def f():"));
    body["session_id"] = json!("mine");
    let told = complete(&gateway, &body).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(asked(&gateway).pop().map(|(path, _)| path).as_deref(), Some("/v1/chat/completions"));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_base_model_does_nothing_else() {
    let gateway = Gateway::start_with(Setup { kind: AccountKind::Metered, ..setup() }).await;
    for (dialect, says) in [
        (Dialect::Chat, "/v1/completions"),
        (Dialect::Responses, "/v1/completions"),
        (Dialect::Messages, "/v1/completions"),
        (Dialect::Completions, "session_id"),
    ] {
        let mut body = dialect.ask_model("openai-community/gpt2", "Hello");
        body["session_id"] = json!("mine");
        let told = gateway.client.post(dialect.path(), body.to_string()).await;
        assert_eq!(told.status, 400, "{dialect:?}: {told:?}");
        let said = told.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(said.contains(says), "{dialect:?}: {said}");
    }
    let embed = json!({"model": "openai-community/gpt2", "input": "Hello"});
    let told = gateway.client.post("/v1/embeddings", embed.to_string()).await;
    assert_eq!((told.status.as_u16(), told.code().as_str()), (400, "model_not_supported"), "{told:?}");
    assert!(asked(&gateway).is_empty());
    let card = gateway.client.get("/v1/models/openai-community/gpt2").await.json();
    assert_eq!((&card["mode"], &card["output_modalities"]), (&json!("completion"), &json!(["text"])));
    gateway.settled().await;
    assert!(gateway.finish().await);
}
