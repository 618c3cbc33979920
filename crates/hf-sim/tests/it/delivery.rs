//! How bytes arrive, and how they stop arriving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hf_sim::{Match, Script, Split};
use http_body_util::BodyExt;

use crate::client::{ask, ask_stream, chat, hung_up, open, pieces, sim, until};

const MODEL: &str = "openai/gpt-oss-20b:groq";

#[test]
fn each_event_is_a_chunk_of_its_own() {
    let sim = sim();
    let pieces = pieces(&sim, &ask_stream(MODEL, "Hi [[sim tokens=5 reasoning=0]]"));
    assert!(pieces.iter().all(|piece| piece.starts_with(b"data: ") && piece.ends_with(b"\n\n")));
    assert_eq!(pieces.len(), 9, "the role, five words, the end, the usage, [DONE]");
}

#[test]
fn splits_change_the_chunks_and_not_the_bytes() {
    let sim = sim();
    let body = ask_stream(MODEL, "[[sim text=\"東京 🙂 naïve café 東京\"]]");
    let whole = pieces(&sim, &body).concat();
    let split = |split| Script { split: Some(split), ..Script::default() };
    sim.script(Match::any().times(1), split(Split::Byte));
    let bytes = pieces(&sim, &body);
    sim.script(Match::any().times(2), split(Split::Random));
    let random = pieces(&sim, &body);
    assert_eq!((bytes.concat(), random.concat()), (whole.clone(), whole));
    assert!(bytes.iter().all(|piece| piece.len() == 1), "so some are inside a code point");
    assert!(random.iter().any(|piece| !piece.starts_with(b"data: ")));
    assert_eq!(pieces(&sim, &body), random, "the places are seeded");
    let bill = sim.requests()[0].usage;
    assert!(sim.requests().iter().all(|request| request.usage == bill), "the bill is the same");
}

#[tokio::test]
async fn line_ends_and_comments_can_vary() {
    let sim = sim();
    let crlf = chat(&sim, &ask_stream(MODEL, "Hi [[sim crlf]]")).await.text();
    assert!(crlf.ends_with("data: [DONE]\r\n\r\n"));
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    let comments = chat(&sim, &ask_stream(MODEL, "Hi [[sim comments]]")).await;
    assert_eq!(comments.text().matches(": keep-alive\n\n").count(), comments.data().len());
}

#[tokio::test]
async fn garbage_comes_where_it_is_asked_for() {
    let sim = sim();
    for (garbage, mark) in [
        ("json", &b"\"broken\""[..]),
        ("utf8", b"\xff\xfe\xc3"),
        ("line", &[b'x'; 2 << 20]),
        ("blank", b"data:\n\ndata: \n\n"),
        ("fields", b"event: ping\nid: 7\nretry: 3000\n"),
        ("after_done", b"data: [DONE]\n\ndata: {"),
        ("done_twice", b"data: [DONE]\n\ndata: [DONE]\n\n"),
    ] {
        let reply = chat(&sim, &ask_stream(MODEL, &format!("Hi [[sim garbage={garbage}]]"))).await;
        let bytes = reply.bytes();
        let found = bytes.windows(mark.len()).any(|window| window == mark);
        assert!(found && !reply.broken, "{garbage}");
        assert!(bytes.ends_with(b"[DONE]\n\n") != (garbage == "after_done"), "{garbage}: the stream goes on");
    }
    let whole = chat(&sim, &ask(MODEL, "Hi [[sim garbage=json]]")).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&whole.bytes()).is_err() && !whole.broken);
}

#[tokio::test]
async fn a_cut_breaks_the_connection_and_bills_what_was_sent() {
    let sim = sim();
    let reply = chat(&sim, &ask_stream(MODEL, "Hi [[sim cut_after=4 reasoning=2 tokens=10]]")).await;
    assert!(reply.broken && !reply.done());
    assert_eq!(reply.data().len(), 4, "the role, two thoughts, one word");
    let usage = sim.requests()[0].usage;
    assert_eq!((usage.completion_tokens, usage.reasoning_tokens), (3, 2));
    assert!(sim.requests()[0].completed, "the script was played to its end");
    let whole = chat(&sim, &ask(MODEL, "Hi [[sim cut_after=4]]")).await;
    assert!(whole.broken && !whole.bytes().is_empty());
    let error = chat(&sim, &ask(MODEL, "Hi [[sim cut_after=1 status=500]]")).await;
    assert!(error.broken && error.status == 500);
}

#[tokio::test]
async fn the_connection_can_break_instead_of_an_answer() {
    let sim = sim();
    let body = ask(MODEL, "Hi [[sim hangup times=1]]");
    assert!(hung_up(&sim, &body).await);
    let request = &sim.requests()[0];
    assert_eq!((request.status, request.completed, request.usage.prompt_tokens), (0, true, 0));
    assert_eq!(chat(&sim, &body).await.status, 200);
}

#[tokio::test]
async fn a_stream_can_end_without_done_or_without_a_finish_reason() {
    let sim = sim();
    let reply = chat(&sim, &ask_stream(MODEL, "Hi [[sim no_done]]")).await;
    assert!(!reply.broken && !reply.done());
    let reply = chat(&sim, &ask_stream(MODEL, "Hi [[sim finish=none]]")).await;
    assert!(!reply.text().contains("\"finish_reason\":\"") && reply.done());
    let reply = chat(&sim, &ask_stream(MODEL, "Hi [[sim finish=content_filter]]")).await;
    assert!(reply.text().contains("\"finish_reason\":\"content_filter\""));
}

#[tokio::test]
async fn errors_come_inside_the_stream_in_each_shape() {
    let sim = sim();
    for (words, last, done) in [
        ("error=string", r#"{"error":"m","error_type":"generation"}"#, false),
        (
            "error=object",
            r#"{"error":{"message":"m","type":"server_error","param":null,"code":"server_error"}}"#,
            false,
        ),
        ("dialect=tgi status=422", r#"{"error":{"message":"m","http_status_code":422}}"#, true),
        (
            "dialect=vllm",
            r#"{"error":{"message":"m","type":"InternalServerError","param":null,"code":500}}"#,
            true,
        ),
        (
            "dialect=sglang",
            r#"{"error":{"object":"error","message":"m","type":"InternalServerError","param":null,"code":500}}"#,
            false,
        ),
        ("dialect=transformers", r#"{"error": "m (at "generate")"}"#, false),
    ] {
        let prompt = format!("Hi [[sim error_after=2 message=m {words}]]");
        let reply = chat(&sim, &ask_stream(MODEL, &prompt)).await;
        let data = reply.data();
        assert_eq!((reply.status, data[2].as_str(), reply.done()), (200, last, done), "{words}");
        assert!(!reply.broken);
    }
    let late = chat(&sim, &ask_stream(MODEL, "Hi [[sim error_after=1000]]")).await;
    assert!(!late.text().contains("[DONE]"), "never behind the answer's end");
}

#[tokio::test]
async fn waits_are_at_least_as_long_as_scripted() {
    let sim = sim();
    for (words, stream, least_ms) in [
        ("first_token_ms=60", true, 60),
        ("first_token_ms=60", false, 60),
        ("headers_ms=60", true, 60),
        ("gap_ms=20 tokens=3 reasoning=0", true, 100),
    ] {
        let prompt = format!("Hi [[sim {words}]]");
        let body = if stream { ask_stream(MODEL, &prompt) } else { ask(MODEL, &prompt) };
        let start = Instant::now();
        assert_eq!(chat(&sim, &body).await.status, 200);
        assert!(start.elapsed() >= Duration::from_millis(least_ms), "{words}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_silent_stream_is_noticed() {
    let sim = sim();
    for (words, events) in [("stall_after=3", 3), ("hang=body", 0)] {
        let mut reply = open(&sim, &ask_stream(MODEL, &format!("Hi [[sim {words}]]"))).await;
        for _ in 0..events {
            reply.body_mut().frame().await.unwrap().unwrap();
        }
        assert_eq!(sim.open_requests(), 1, "{words}");
        drop(reply);
        until("the upstream side is closed", || sim.open_requests() == 0).await;
        let request = sim.requests().pop().unwrap();
        assert!(!request.completed && !request.open, "{words}");
    }
}

#[tokio::test]
async fn a_client_that_gives_up_on_the_headers_is_noticed() {
    let sim = Arc::new(sim());
    let waiting = tokio::spawn({
        let sim = Arc::clone(&sim);
        async move { open(&sim, &ask(MODEL, "Hi [[sim hang=headers]]")).await }
    });
    until("the request is in", || !sim.requests().is_empty()).await;
    waiting.abort();
    until("its end is noticed", || sim.open_requests() == 0).await;
    let request = sim.requests().pop().unwrap();
    assert_eq!((request.status, request.completed, request.open), (0, false, false));
}
