//! How streams flow: every event as it comes, untouched, and never more of them than the client takes.

use std::time::Duration;

use bytes::Bytes;
use hf_sim::{Match, Script, Split, ToolFault};
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::client::{Reply, Stream};
use crate::harness::{Gateway, Setup, ask, soon};
use crate::raw::{ANSWER, DONE, Exchange, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk, reply};

/// Opens a stream and takes it up at the raw upstream, which has answered with the head and a first piece.
async fn open(gateway: &Gateway, raw: &Raw, body: &Value) -> (Stream, Exchange) {
    let upstream = async {
        let mut exchange = raw.accept().await;
        exchange.write(STREAM_HEAD.as_bytes()).await;
        exchange.write(chunk("piece 0").as_bytes()).await;
        exchange
    };
    tokio::join!(gateway.client.stream(body), upstream)
}

async fn next_json(stream: &mut Stream) -> Value {
    let event = soon("the event that was just sent", stream.next()).await.expect("the stream goes on");
    serde_json::from_slice(&event.data).expect("JSON")
}

#[tokio::test]
async fn each_event_reaches_the_client_before_the_next_one_is_sent() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let (mut stream, mut upstream) = open(&gateway, &raw, &ask_raw("Hello")).await;
    for at in 0..20 {
        assert_eq!(next_json(&mut stream).await["choices"][0]["delta"]["content"], format!("piece {at}"));
        upstream.write(chunk(&format!("piece {}", at + 1)).as_bytes()).await;
    }
    upstream.write(format!("{FINISH}{DONE}").as_bytes()).await;
    assert!(stream.rest().await.done);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn events_pass_byte_for_byte_and_in_their_order() {
    let events = [
        r#"{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}},{"index":1,"delta":{"role":"assistant"}}],"x_groq":{"id":"r1"}}"#,
        r#"{"id":"c1","choices":[{"index":1,"delta":{"content":"Zwei \u0041 \/ 東京"},"token_id":1e2}],"unknown":[1.50,null]}"#,
        r#"{"id":"c1","choices":[{"index":0,"delta":{"reasoning":"Hm","reasoning_content":"Hm"},"logprobs":{"content":[]}}]}"#,
        r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]}}]}"#,
        r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}}]}"#,
        r#"{"id":"c1","choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" 1}"}}]}}]}"#,
        r#"{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    ];
    let expected: String = events.map(|event| format!("data: {event}\n\n")).concat() + DONE;
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let mut body = ask_raw("Hello");
    body["n"] = json!(2);
    for (name, said) in [
        ("plainly", expected.clone()),
        ("with CR LF", expected.replace('\n', "\r\n")),
        (
            "with comments and other fields",
            expected.replace("data: ", ": keep-alive\n\nid: 7\nretry: 10\nevent: x\ndata: "),
        ),
        ("without the space", expected.replace("data: ", "data:")),
    ] {
        let said = format!("{STREAM_HEAD}{said}").into_bytes();
        let (stream, _) = tokio::join!(gateway.client.stream(&body), raw.answer(&said));
        assert_eq!(stream.rest().await.raw, expected, "{name}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn events_may_be_split_at_any_byte() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let events = format!("{}{FINISH}{USAGE}{DONE}", chunk("Grüße, 東京 😀"));
    let expected = format!("{}{FINISH}{DONE}", chunk("Grüße, 東京 😀"));
    let body = ask_raw("Hello");
    for at in (1..events.len()).step_by(7) {
        let upstream = async {
            let mut exchange = raw.accept().await;
            exchange.write(STREAM_HEAD.as_bytes()).await;
            for part in [&events.as_bytes()[..at], &events.as_bytes()[at..]] {
                exchange.write(part).await;
                exchange.stream.flush().await.expect("flushed");
                tokio::task::yield_now().await;
            }
            exchange.close().await;
        };
        let (stream, ()) = tokio::join!(gateway.client.stream(&body), upstream);
        assert_eq!(stream.rest().await.raw, expected, "split at {at}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_split_or_commented_stream_says_the_same_as_a_plain_one() {
    let gateway = Gateway::start().await;
    let plain = gateway.client.stream(&ask("Hello")).await.rest().await;
    for script in [
        Script { split: Some(Split::Byte), ..Script::default() },
        Script { split: Some(Split::Random), crlf: true, ..Script::default() },
        Script { comments: true, ..Script::default() },
        Script { gap_ms: Some(1), ..Script::default() },
    ] {
        gateway.sim.clear_scripts();
        gateway.sim.script(Match::any(), script.clone());
        let told = gateway.client.stream(&ask("Hello")).await.rest().await;
        assert!(told.done && told.text() == plain.text(), "{script:?}: {told:?}");
        assert!(!told.raw.contains("\n: "), "comments are the gateway's own: {told:?}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn tool_calls_and_several_choices_are_streamed() {
    let gateway = Gateway::start().await;
    let mut body = ask("What is the weather?");
    body["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]);
    for tool in [ToolFault::Whole, ToolFault::Fragments, ToolFault::Parallel, ToolFault::NoId] {
        gateway.sim.clear_scripts();
        gateway.sim.script(Match::any(), Script { tool: Some(tool), ..Script::default() });
        let told = gateway.client.stream(&body).await.rest().await;
        let calls =
            told.events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array());
        let first = calls.flatten().filter(|call| call["index"].as_u64().unwrap_or(0) == 0);
        let arguments: String = first.filter_map(|call| call["function"]["arguments"].as_str()).collect();
        let arguments: Value = serde_json::from_str(&arguments).expect("whole arguments");
        assert!(arguments["city"].is_string() && told.done, "{tool:?}: {told:?}");
    }
    gateway.sim.clear_scripts();
    let mut body = ask("Hello");
    body["n"] = json!(3);
    let told = gateway.client.stream(&body).await.rest().await;
    for index in 0..3 {
        let choices = told.events.iter().filter_map(|event| event["choices"].as_array()).flatten();
        let own: Vec<&Value> = choices.filter(|choice| choice["index"] == index).collect();
        assert!(own.last().is_some_and(|choice| choice["finish_reason"].is_string()), "choice {index} ends");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn nothing_is_compressed_and_no_proxy_is_to_buffer() {
    let gateway = Gateway::start().await;
    for streamed in [true, false] {
        let mut body = ask("Hello");
        body["stream"] = streamed.into();
        let headers = [("content-type", "application/json"), ("accept-encoding", "gzip, br, zstd, deflate")];
        let sent = Bytes::from(body.to_string());
        let response = gateway.client.send_with(Method::POST, "/v1/chat/completions", &headers, sent).await;
        assert!(response.headers().get("content-encoding").is_none());
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        if streamed {
            assert_eq!(kind, "text/event-stream; charset=utf-8");
            assert_eq!(response.headers()["cache-control"], "no-cache");
            assert_eq!(response.headers()["x-accel-buffering"], "no");
        } else {
            assert_eq!(kind, "application/json");
        }
        Reply::read(response).await;
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn comments_keep_the_connection_while_the_upstream_is_silent() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("") + "[server]\nkeep_alive_ms = 20\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let body = ask_raw("Hello");
    let mut stream = gateway.client.stream(&body).await;
    assert_eq!(stream.status, 200, "the head comes before the upstream has said a thing");
    let mut upstream = raw.accept().await;
    comments(&mut stream, 2).await;
    upstream.write(STREAM_HEAD.as_bytes()).await;
    comments(&mut stream, 4).await;
    upstream.write(chunk("Well.").as_bytes()).await;
    assert_eq!(next_json(&mut stream).await["choices"][0]["delta"]["content"], "Well.");
    comments(&mut stream, 6).await;
    upstream.write(format!("{FINISH}{DONE}").as_bytes()).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert!(told.done, "{told:?}");
    assert_eq!(gateway.receipt(&call).await["outcome"], "complete");

    // A failure after the head is an event.
    let mut stream = gateway.client.stream(&body).await;
    let mut upstream = raw.accept().await;
    comments(&mut stream, 1).await;
    upstream.write(reply("400 Bad Request", "application/json", "{\"error\":\"no\"}").as_bytes()).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert_eq!(told.error().expect("an error")["code"], "upstream_rejected", "{told:?}");
    assert!(!told.done);
    assert_eq!(gateway.receipt(&call).await["outcome"], "upstream_error");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Reads on until that many comments have come in all.
async fn comments(stream: &mut Stream, count: usize) {
    let enough = async {
        while String::from_utf8_lossy(&stream.raw).matches(": keep-alive\n\n").count() < count {
            assert!(stream.read_some().await, "the stream ended");
        }
    };
    soon("comments", enough).await;
}

#[tokio::test]
async fn an_upstream_connection_is_used_again_after_a_stream() {
    let raw = Raw::start().await;
    let toml = raw.toml_with("") + "[server]\nworkers = 1\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let body = ask_raw("Hello");
    let events = format!("{}{FINISH}{USAGE}{DONE}", chunk("Well."));
    let head = STREAM_HEAD.replace("connection: close", "transfer-encoding: chunked");
    let said = format!("{head}{:x}\r\n{events}\r\n0\r\n\r\n", events.len());
    let first = async {
        let mut exchange = raw.accept().await;
        exchange.write(said.as_bytes()).await;
        exchange
    };
    let (stream, mut exchange) = tokio::join!(gateway.client.stream(&body), first);
    assert!(stream.rest().await.done);
    gateway.settled().await;
    let second = async {
        exchange.next_request().await;
        exchange.write(said.as_bytes()).await;
    };
    let (stream, ()) = tokio::join!(gateway.client.stream(&body), second);
    assert!(stream.rest().await.done);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_whole_answer_is_not_streamed() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let (body, said) = (ask_raw("Hello"), reply("200 OK", "application/json", ANSWER));
    let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(said.as_bytes()));
    assert!(!told.header("content-length").is_empty(), "{told:?}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn comments_of_the_upstream_are_a_sign_of_life() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup_with("timeouts = { idle_ms = 500 }\n")).await;
    let (stream, mut upstream) = open(&gateway, &raw, &ask_raw("Hello")).await;
    // In all twice as long as the idle deadline, with never more than a fifth of it in silence.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        upstream.write(b": still thinking\n\n").await;
    }
    upstream.write(format!("{FINISH}{USAGE}{DONE}").as_bytes()).await;
    upstream.close().await;
    let told = stream.rest().await;
    assert!(told.done, "{}", told.raw);
    assert!(gateway.finish().await);
}
