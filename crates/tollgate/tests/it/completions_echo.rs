//! Completions that repeat their prompt: what of that is charged, however the answer ends.

use serde_json::{Value, json};

use crate::client::Stream;
use crate::completions::{GPT2, MODELS, prompt};
use crate::dialects::Dialect;
use crate::harness::{Gateway, Setup};
use crate::raw::{DONE, RAW_MODEL, Raw, STREAM_HEAD};

/// A chunk of a completion at the raw upstream.
fn text_chunk(text: &str, finish_reason: &Value) -> String {
    let choice = json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish_reason});
    format!("data: {}\n\n", json!({"id": "c", "object": "text_completion", "choices": [choice]}))
}

#[tokio::test]
async fn a_stream_that_breaks_is_charged_for_all_but_the_prompt_that_it_repeated() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup_with("completions = \"openai\"")).await;
    let mut body = prompt(RAW_MODEL, json!("Once upon a time there was a city by the sea."));
    body["stream"] = json!(true);
    body["echo"] = json!(true);
    let repeated = body["prompt"].as_str().expect("a text").to_owned();
    // One server repeats the prompt in two pieces, another does not know how to.
    for pieces in [&[&repeated[..9], &repeated[9..], " It was", " old."][..], &[" It was", " old."]] {
        let said: String = pieces.iter().map(|piece| text_chunk(piece, &Value::Null)).collect();
        let said = format!("{STREAM_HEAD}{said}");
        let asked = Dialect::Completions.open(&gateway.client, &body);
        let (response, _) = tokio::join!(asked, raw.answer(said.as_bytes()));
        let stream = Stream::of(response);
        let (call, told) = (stream.call_id(), stream.rest().await);
        assert!(!told.done, "{}", told.raw);
        let receipt = gateway.books().receipt(&call).await;
        assert_eq!((receipt.outcome.as_str(), receipt.rule.as_str()), ("cut", "relayed"), "{pieces:?}");
        assert_eq!((receipt.input, receipt.output), (12, 3), "{pieces:?}");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn who_takes_its_prompt_back_and_leaves_pays_for_what_was_read() {
    for (abort, ending) in [
        ("drain", ("client_gone", "drained", "reported")),
        ("estimate", ("client_gone", "relayed", "estimated")),
        ("void", ("client_gone", "waived", "none")),
    ] {
        let toml = format!("abort = \"{abort}\"\n{MODELS}");
        let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
        let text = "Once upon a time [[sim gap_ms=300]]";
        let mut body = prompt("openai-community/gpt2", json!(text));
        body["max_tokens"] = json!(0);
        body["echo"] = json!(true);
        body["stream"] = json!(true);
        let mut stream = Stream::of(Dialect::Completions.open(&gateway.client, &body).await);
        let call = stream.call_id();
        let event = stream.next().await.expect("an event");
        let event: Value = serde_json::from_slice(&event.data).expect("JSON");
        assert_eq!(event["choices"][0]["text"], text);
        drop(stream);
        gateway.settled().await;
        let receipt = gateway.books().receipt(&call).await;
        let input = if abort == "void" { 0 } else { text.len().div_ceil(4) as u64 };
        assert_eq!((receipt.ending(), receipt.input, receipt.output), (ending, input, 0), "{abort}");
        assert_eq!(receipt.charge, GPT2.cost(input, 0), "{abort}");
        gateway.books().check().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_long_prompt_is_repeated_in_one_event() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup_with("completions = \"openai\"")).await;
    let long = "word ".repeat(300_000);
    let mut body = prompt(RAW_MODEL, json!(long));
    body["stream"] = json!(true);
    body["echo"] = json!(true);
    let said = format!("{STREAM_HEAD}{}{DONE}", text_chunk(&format!("{long}end"), &json!("stop")));
    let asked = Dialect::Completions.open(&gateway.client, &body);
    let (response, _) = tokio::join!(asked, raw.answer(said.as_bytes()));
    let stream = Stream::of(response);
    let (call, told) = (stream.call_id(), stream.rest().await);
    assert!(told.done, "{} bytes", told.raw.len());
    let receipt = gateway.books().receipt(&call).await;
    assert_eq!((receipt.outcome.as_str(), receipt.output), ("complete", 1));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
