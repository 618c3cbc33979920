//! Streams that break or go on after their end: the client gets an error event or the whole answer, and nothing else.

use serde_json::json;

use crate::harness::Gateway;
use crate::raw::{CREDENTIAL, DONE, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk};

/// Streams that break after two pieces of text, and the code of the error event.
fn broken_streams() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let start = format!("{STREAM_HEAD}{}{}", chunk("Once"), chunk(" upon"));
    let after = |rest: &[u8]| [start.as_bytes(), rest].concat();
    let chunked = STREAM_HEAD.replace("connection: close", "transfer-encoding: chunked");
    let piece = chunk("Once") + &chunk(" upon");
    let broken_chunk = format!("{chunked}{:x}\r\n{piece}\r\nfff\r\n{}", piece.len(), chunk(" a"));
    vec![
        ("no end", after(b""), "upstream_cut"),
        ("the end mark without a finish reason", after(chunk("…").as_bytes()), "upstream_cut"),
        ("half an event", after(b"data: {\"id\":\"c1\",\"choi"), "upstream_malformed"),
        ("broken JSON", after(b"data: {\"choices\":[{\"delta\":\n\n"), "upstream_malformed"),
        ("no UTF-8", after(b"data: {\"choices\":[],\"x\":\"\xff\xfe\"}\n\n"), "upstream_malformed"),
        (
            "a line of 2 MB",
            after(format!("data: {}\n\n", "x".repeat(2 << 20)).as_bytes()),
            "upstream_malformed",
        ),
        ("2 MB without a line's end", after("x".repeat(2 << 20).as_bytes()), "upstream_malformed"),
        (
            "an error",
            after(
                format!("data: {{\"error\":{{\"message\":\"{CREDENTIAL} failed\"}}}}\n\ndata: [DONE]\n\n")
                    .as_bytes(),
            ),
            "upstream_error",
        ),
        (
            "an error text",
            after(
                format!("data: {{\"error\":\"{CREDENTIAL} failed\",\"error_type\":\"generation\"}}\n\n")
                    .as_bytes(),
            ),
            "upstream_error",
        ),
        (
            "a named error",
            after(format!("event: error\ndata: {{\"error\":\"{CREDENTIAL} failed\"}}\n\n").as_bytes()),
            "upstream_error",
        ),
        ("a chunk that breaks off", broken_chunk.into_bytes(), "upstream_cut"),
    ]
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_event_and_without_the_end_mark() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for (name, said, code) in broken_streams() {
        let body = ask_raw("Tell me a story");
        let (stream, _) = tokio::join!(gateway.client.stream(&body), raw.answer(&said));
        assert_eq!(stream.status, 200, "{name}");
        let call = stream.call_id();
        let told = stream.rest().await;
        assert!(told.text().starts_with("Once upon") && !told.done, "{name}: {told:?}");
        let error = told.error().unwrap_or_else(|| panic!("{name}: no error in {told:?}"));
        assert_eq!(error["code"], code, "{name}: {error}");
        let last = told.events.last().expect("events");
        assert_eq!(last["choices"][0]["finish_reason"], "error", "{name}: who looks at choices sees it too");
        assert!(!told.raw.contains(CREDENTIAL), "{name}: {told:?}");
        let receipt = gateway.receipt(&call).await;
        let outcome = if code == "upstream_cut" { "cut" } else { "upstream_error" };
        assert_eq!((&receipt["outcome"], &receipt["error_code"]), (&json!(outcome), &json!(code)), "{name}");
        assert_eq!(
            (&receipt["rule"], &receipt["usage_source"]),
            (&json!("relayed"), &json!("estimated")),
            "{name}"
        );
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_comes_after_the_end_is_not_relayed() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let good = format!("{STREAM_HEAD}{}{FINISH}{USAGE}", chunk("Well."));
    let late = chunk("late");
    for (name, said) in [
        ("once", format!("{good}{DONE}")),
        ("twice", format!("{good}{DONE}{DONE}")),
        ("text after it", format!("{good}{DONE}{late}")),
        ("an error after it", format!("{good}{DONE}data: {{\"error\":\"late\"}}\n\n")),
        ("garbage after it", format!("{good}{DONE}<html>{}", "x".repeat(3 << 20))),
        ("without it", good.clone()),
        ("without its blank line", format!("{good}data: [DONE]")),
        ("with CR LF", format!("{good}data: [DONE]\r\n\r\n")),
        (
            "in other capitals of the head",
            format!("{good}{DONE}").replace("text/event-stream", "Text/Event-Stream; charset=utf-8"),
        ),
    ] {
        let (body, said) = (ask_raw("Hello"), said.into_bytes());
        let upstream = async {
            let mut exchange = raw.accept().await;
            // The gateway may close as soon as it has heard the end.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut exchange.stream, &said).await;
            exchange.close().await;
        };
        let (stream, ()) = tokio::join!(gateway.client.stream(&body), upstream);
        let call = stream.call_id();
        let told = stream.rest().await;
        assert_eq!(told.raw, format!("{}{FINISH}{DONE}", chunk("Well.")), "{name}");
        let receipt = gateway.receipt(&call).await;
        assert_eq!(
            (&receipt["outcome"], &receipt["rule"]),
            (&json!("complete"), &json!("reported")),
            "{name}"
        );
        assert_eq!(receipt["total_cost"], 0.00002, "{name}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}
