//! Legacy completions, at the paths where the providers have them.

use hf_sim::{Match, Script, UsageFault};
use serde_json::{Value, json};

use crate::client::{Reply, post, sim, with};

/// Each path, a model that it has, and how the provider begins its ids.
pub(crate) const PLACES: [(&str, &str, &str); 6] = [
    ("/hf-inference/models/openai-community/gpt2/v1/completions", "openai-community/gpt2", ""),
    (
        "/hf-inference/models/HuggingFaceTB/SmolLM3-3B-Base/v1/completions",
        "HuggingFaceTB/SmolLM3-3B-Base",
        "",
    ),
    (TOGETHER, LLAMA, "oSim"),
    (FEATHERLESS, CODER, "cmpl-"),
    ("/novita/v3/openai/completions", CODER, "cmpl-"),
    ("/deepinfra/v1/openai/completions", LLAMA, "cmpl-"),
];
pub(crate) const TOGETHER: &str = "/together/v1/completions";
pub(crate) const FEATHERLESS: &str = "/featherless-ai/v1/completions";
pub(crate) const LLAMA: &str = "meta-llama/Llama-3.1-8B";
pub(crate) const CODER: &str = "Qwen/Qwen2.5-Coder-7B";

/// A request to the model at [`FEATHERLESS`], whose ways are the plainest.
pub(crate) fn plain(prompt: impl Into<Value>, more: &Value) -> Value {
    with(json!({ "model": CODER, "prompt": prompt.into() }), more)
}

fn streamed(body: &Value) -> Value {
    with(body.clone(), &json!({ "stream": true, "stream_options": { "include_usage": true } }))
}

/// All text of one choice of a stream, and why it ended.
fn joined(reply: &Reply, index: usize) -> (String, Value) {
    let (mut text, mut finish) = (String::new(), Value::Null);
    let chunks = reply.chunks();
    for choice in chunks.iter().filter_map(|chunk| chunk["choices"].get(0)) {
        if choice["index"] == index {
            assert_eq!(finish, Value::Null, "nothing comes after the end");
            text.push_str(choice["text"].as_str().expect("text"));
            finish = choice["finish_reason"].clone();
        }
    }
    (text, finish)
}

#[tokio::test]
async fn every_provider_completes_whole_and_streamed_alike() {
    let sim = sim();
    for (path, model, id) in PLACES {
        // What a body says of the model where the path names it is not read.
        let named = if path.starts_with("/hf-inference") { "another" } else { model };
        let body = json!({ "model": named, "prompt": "Once upon a time", "max_tokens": 12 });
        let whole = post(&sim, path, &body).await;
        assert_eq!(whole.status, 200, "{path}: {}", whole.text());
        let provider = path.split('/').nth(1);
        assert_eq!(whole.header("x-inference-provider"), provider, "{path}");
        let whole = whole.json();
        assert_eq!((&whole["object"], &whole["model"]), (&json!("text_completion"), &json!(model)), "{path}");
        let known = whole["id"]
            .as_str()
            .is_some_and(|told| told.strip_prefix(id).is_some_and(|rest| rest.is_empty() == id.is_empty()));
        assert!(known, "{path}: {}", whole["id"]);
        let choice = &whole["choices"][0];
        assert_eq!((&choice["index"], &choice["logprobs"]), (&json!(0), &Value::Null), "{path}");
        assert_eq!(choice["finish_reason"], "length", "{path}: an answer has 16 tokens and more");
        let counts = |usage: &Value| {
            ["prompt_tokens", "completion_tokens", "total_tokens"].map(|key| usage[key].as_u64())
        };
        assert_eq!(counts(&whole["usage"]), [Some(4), Some(12), Some(16)], "{path}");

        let stream = post(&sim, path, &streamed(&body)).await;
        assert!(stream.done(), "{path}");
        let text = choice["text"].as_str().expect("text").to_owned();
        assert_eq!(joined(&stream, 0), (text, json!("length")), "{path}");
        assert!(stream.chunks().iter().all(|chunk| chunk["object"] == "text_completion"), "{path}");
        let usage: Vec<Value> = stream.chunks().into_iter().map(|mut chunk| chunk["usage"].take()).collect();
        assert_eq!(usage.iter().filter(|usage| usage.is_object()).count(), 1, "{path}");
        assert_eq!(counts(&usage[usage.len() - 1]), [Some(4), Some(12), Some(16)], "{path}");
        let request = sim.requests().pop().expect("a request");
        assert_eq!(
            (request.model.as_deref(), request.provider.as_deref()),
            (Some(model), provider),
            "{path}"
        );
        assert_eq!((request.usage.prompt_tokens, request.usage.completion_tokens), (4, 12), "{path}");
    }
}

#[tokio::test]
async fn each_parameter_shapes_the_answer() {
    let sim = sim();
    let said = "[[sim text=\"one two three\"]]";
    let long = "[[sim tokens=40]]";
    for (prompt, more, texts, finish, tokens) in [
        (json!(said), json!({}), json!(["one two three"]), "stop", [7, 3]),
        (json!(said), json!({ "max_tokens": 2 }), json!(["one two"]), "length", [7, 2]),
        (json!(said), json!({ "stop": "three" }), json!(["one two "]), "stop", [7, 3]),
        (json!(said), json!({ "stop": ["three", " two"] }), json!(["one"]), "stop", [7, 1]),
        (json!(said), json!({ "suffix": "four" }), json!(["one two three"]), "stop", [8, 3]),
        (json!(said), json!({ "echo": true }), json!([format!("{said}one two three")]), "stop", [7, 3]),
        (json!(said), json!({ "echo": true, "max_tokens": 0 }), json!([said]), "length", [7, 0]),
        (json!(["a", said]), json!({ "n": 2 }), json!(vec!["one two three"; 4]), "stop", [8, 12]),
        (json!(["abcde", said]), json!({}), json!(vec!["one two three"; 2]), "stop", [9, 6]),
        (json!(said), json!({ "best_of": 3 }), json!(["one two three"]), "stop", [7, 3]),
        (
            json!([0, 1, 2]),
            json!({ "echo": true, "max_tokens": 0 }),
            json!([" the a model"]),
            "length",
            [3, 0],
        ),
        (
            json!([[0], [1, 2]]),
            json!({ "echo": true, "max_tokens": 0 }),
            json!([" the", " a model"]),
            "length",
            [3, 0],
        ),
        (
            json!([[96], said]),
            json!({ "max_tokens": 1, "echo": true }),
            json!([" theone", format!("{said}one")]),
            "length",
            [8, 2],
        ),
    ] {
        let body = plain(prompt, &more);
        let whole = post(&sim, FEATHERLESS, &body).await.json();
        let choices = whole["choices"].as_array().unwrap_or_else(|| panic!("{body}: {whole}"));
        let told: Vec<&Value> = choices.iter().map(|choice| &choice["text"]).collect();
        assert_eq!(json!(told), texts, "{body}");
        assert!(choices.iter().all(|choice| choice["finish_reason"] == finish), "{body}: {whole}");
        let indices: Vec<Option<u64>> = choices.iter().map(|choice| choice["index"].as_u64()).collect();
        assert!(indices.iter().copied().eq((0..choices.len() as u64).map(Some)), "{body}: {indices:?}");
        let usage = &whole["usage"];
        assert_eq!([&usage["prompt_tokens"], &usage["completion_tokens"]], [tokens[0], tokens[1]], "{body}");
        if more.get("best_of").is_some() {
            continue;
        }
        let stream = post(&sim, FEATHERLESS, &streamed(&body)).await;
        for (index, text) in texts.as_array().expect("texts").iter().enumerate() {
            let text = text.as_str().expect("text").to_owned();
            assert_eq!(joined(&stream, index), (text, json!(finish)), "{body}");
        }
        let billed = sim.requests().pop().expect("a request").usage;
        assert_eq!([billed.prompt_tokens, billed.completion_tokens], tokens, "{body}");
    }
    let short = post(&sim, FEATHERLESS, &plain(long, &json!({}))).await.json();
    assert_eq!(short["usage"]["completion_tokens"], 16, "as everywhere when no limit is named");
}

#[tokio::test]
async fn a_prompt_has_one_answer_whatever_stands_beside_it() {
    let sim = sim();
    let texts = async |path: &str, body: Value| -> Vec<String> {
        let reply = post(&sim, path, &body).await.json();
        let choices = reply["choices"].as_array().expect("choices");
        choices.iter().map(|choice| choice["text"].as_str().expect("text").to_owned()).collect()
    };
    let alone = texts(FEATHERLESS, plain("Hi", &json!({}))).await;
    assert!(alone[0].starts_with(' '), "it follows the prompt's last word");
    assert_eq!(texts("/novita/v3/openai/completions", plain("Hi", &json!({}))).await, alone);
    let beside = texts(FEATHERLESS, plain(json!(["Ho", "Hi"]), &json!({ "n": 2 }))).await;
    assert_eq!(beside[2], alone[0], "the choices of a prompt stand together");
    assert_eq!(beside.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_ne!(texts(FEATHERLESS, plain("Hi", &json!({ "suffix": "!" }))).await, alone);
    assert_ne!(
        texts(FEATHERLESS, plain("Hi [[sim vary]]", &json!({}))).await,
        texts(FEATHERLESS, plain("Hi [[sim vary]]", &json!({}))).await
    );
    assert_ne!(texts(TOGETHER, json!({ "model": LLAMA, "prompt": "Hi" })).await, alone);
}

#[tokio::test]
async fn log_probabilities_tell_of_every_token_where_it_stands() {
    let sim = sim();
    let prompt = "[[sim text=\"één two\"]]";
    let whole = async |more: Value| {
        post(&sim, FEATHERLESS, &plain(prompt, &more)).await.json()["choices"][0]["logprobs"].take()
    };
    assert_eq!(whole(json!({ "logprobs": null })).await, Value::Null);
    assert_eq!(
        whole(json!({ "logprobs": 0 })).await,
        json!({ "tokens": ["één", " two"], "token_logprobs": [-0.25, -0.25], "top_logprobs": null,
            "text_offset": [0, 3] })
    );
    let top = whole(json!({ "logprobs": 5 })).await["top_logprobs"].take();
    assert_eq!(top[1].as_object().map(serde_json::Map::len), Some(5));
    assert_eq!(top[1][" two"], -0.25, "the token that was said is one of them");
    let echoed = whole(json!({ "logprobs": 1, "echo": true, "max_tokens": 1 })).await;
    let tokens = echoed["tokens"].as_array().expect("tokens").len();
    assert_eq!([&echoed["token_logprobs"][0], &echoed["top_logprobs"][0]], [&Value::Null; 2]);
    assert_eq!(echoed["tokens"][tokens - 1], "één");
    assert_eq!(echoed["text_offset"][tokens - 1], prompt.chars().count());

    let body = plain(prompt, &json!({ "logprobs": 1, "echo": true, "max_tokens": 1, "stream": true }));
    let mut joined: [Vec<Value>; 4] = Default::default();
    for chunk in post(&sim, FEATHERLESS, &body).await.chunks() {
        let told = &chunk["choices"][0]["logprobs"];
        for (at, key) in ["tokens", "token_logprobs", "top_logprobs", "text_offset"].iter().enumerate() {
            joined[at].extend(told[key].as_array().cloned().unwrap_or_default());
        }
    }
    let [tokens, logprobs, top, offsets] = joined;
    let streamed = json!({ "tokens": tokens, "token_logprobs": logprobs, "top_logprobs": top,
        "text_offset": offsets });
    assert_eq!(streamed, echoed);
}

#[tokio::test]
async fn faults_are_scripted_as_for_chat() {
    let sim = sim();
    let body = |words: &str| plain(json!(["a", format!("[[sim {words}]]")]), &json!({}));
    sim.script(Match::provider("featherless-ai").times(1), Script { status: Some(429), ..Script::default() });
    assert_eq!(post(&sim, FEATHERLESS, &body("tokens=2")).await.status, 429);
    let error = post(&sim, FEATHERLESS, &body("status=503 body=html retry_after=3")).await;
    assert_eq!((error.status, error.header("retry-after")), (503, Some("3")));
    assert!(error.text().starts_with("<html>"));
    assert!(post(&sim, FEATHERLESS, &body("no_such_word")).await.text().contains("bad_directive"));
    assert!(post(&sim, FEATHERLESS, &body("cut_after=1")).await.broken, "half of a whole answer");
    assert_eq!(post(&sim, FEATHERLESS, &body("usage=none")).await.json()["usage"], Value::Null);
    let lie = Script { usage: Some(UsageFault::LyingNegative), ..Script::default() };
    sim.script(Match::path(FEATHERLESS).times(1), lie);
    assert_eq!(post(&sim, FEATHERLESS, &body("tokens=2")).await.json()["usage"]["prompt_tokens"], -5);

    let cut = post(&sim, FEATHERLESS, &streamed(&body("cut_after=5"))).await;
    assert!(cut.broken && cut.data().len() == 5);
    let billed = sim.requests().pop().expect("a request").usage;
    assert_eq!(billed.completion_tokens, 5, "what was sent is billed, the choices in turn");
    let untold = post(&sim, FEATHERLESS, &streamed(&body("usage=none"))).await;
    assert!(untold.done() && untold.chunks().iter().all(|chunk| !chunk["usage"].is_object()));
    let choice = post(&sim, FEATHERLESS, &streamed(&body("usage=choice"))).await;
    assert!(choice.chunks().iter().any(|chunk| chunk["choices"][0]["usage"]["completion_tokens"] == 32));
    let open = post(&sim, FEATHERLESS, &streamed(&body("no_done finish=none"))).await;
    assert!(!open.done() && !open.broken && joined(&open, 1).1 == Value::Null);
    let late = post(&sim, FEATHERLESS, &streamed(&body("error_after=2 error=object message=m"))).await;
    assert_eq!(late.chunks()[2]["error"]["message"], "m");
    let odd = post(&sim, FEATHERLESS, &streamed(&body("dialect=tgi finish=content_filter"))).await;
    assert_eq!((&odd.chunks()[0]["id"], joined(&odd, 0).1), (&json!(""), json!("content_filter")));
    let split = post(&sim, FEATHERLESS, &streamed(&body("split=random crlf comments"))).await;
    assert!(split.text().contains(": keep-alive\r\n\r\ndata: {\"id\":\"cmpl-"));
    assert!(split.done() && joined(&split, 0).1 == "length");
}
