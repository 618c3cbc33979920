//! Hostile and broken upstreams: whatever they say, the client gets a clear error or a whole answer, never a short
//! one that looks whole, and never the gateway's credential.

use std::time::Duration;

use bytes::Bytes;
use hf_sim::{ErrorBody, Garbage, Match, Script};
use serde_json::{Value, json};

use crate::client::{Reply, Told};
use crate::harness::{Gateway, Setup, ask, soon};
use crate::raw::{ANSWER, CREDENTIAL, DONE, FINISH, Raw, STREAM_HEAD, USAGE, ask_raw, chunk, reply};

/// What an upstream says, and the status and code that the client gets.
struct Case {
    name: &'static str,
    said: Bytes,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, said: impl Into<Bytes>, status: u16, code: &'static str) -> Case {
    Case { name, said: said.into(), status, code }
}

/// An error reply of an upstream that repeats the request's headers.
fn echoing(status: &str, body: &str) -> String {
    reply(status, "application/json", &body.replace("KEY", CREDENTIAL))
}

/// Replies that are no answer, whether a stream was asked for or not.
fn no_answers() -> Vec<Case> {
    let json = "application/json";
    let html =
        "<html><head><title>Bad gateway</title></head><body>KEY</body></html>".replace("KEY", CREDENTIAL);
    let ok = |name, said: String| case(name, said, 502, "upstream_malformed");
    let mut bomb = "HTTP/1.1 200 OK\r\n".to_owned();
    (0..500).for_each(|at| bomb.push_str(&format!("x-{at}: {}\r\n", "y".repeat(1_000))));
    vec![
        case("HTML and 502", reply("502 Bad Gateway", "text/html", &html), 502, "upstream_error"),
        ok("HTML and 200", reply("200 OK", "text/html", &html)),
        ok("nothing and 200", reply("200 OK", json, "")),
        ok("204", "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()),
        ok("half of an answer", reply("200 OK", json, &ANSWER[..ANSWER.len() / 2])),
        ok("a list", reply("200 OK", json, "[1,2]")),
        ok("an empty object", reply("200 OK", json, "{}")),
        ok("no choices", reply("200 OK", json, "{\"choices\":[]}")),
        ok("an answer without its end", reply("200 OK", json, &ANSWER.replace("\"stop\"", "null"))),
        case("an error and 200", echoing("200 OK", "{\"error\":\"KEY is bad\"}"), 502, "upstream_error"),
        case("no HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n", 502, "upstream_connection"),
        case("nothing at all", "", 502, "upstream_connection"),
        case("too many headers", bomb, 502, "upstream_connection"),
        case(
            "a redirect",
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            502,
            "upstream_error",
        ),
        case(
            "a wrong credential",
            echoing("401 Unauthorized", "{\"error\":\"bad key KEY\"}"),
            502,
            "upstream_auth",
        ),
        case(
            "no permission",
            echoing("403 Forbidden", "{\"error\":\"Authorization: Bearer KEY\"}"),
            502,
            "upstream_auth",
        ),
        case(
            "no credit",
            echoing("402 Payment Required", "{\"error\":\"KEY is broke\"}"),
            503,
            "upstream_quota_exhausted",
        ),
        case(
            "an unknown model",
            echoing("404 Not Found", "{\"error\":\"no model for KEY\"}"),
            404,
            "model_not_found",
        ),
        case("a retired model", echoing("410 Gone", "{\"detail\":\"gone, KEY\"}"), 404, "model_not_found"),
        case(
            "a bad request",
            echoing("400 Bad Request", "{\"message\":\"x\",\"headers\":{\"authorization\":\"Bearer KEY\"}}"),
            400,
            "upstream_rejected",
        ),
        case(
            "a code with the key",
            echoing(
                "422 Unprocessable",
                "{\"error\":{\"message\":\"KEY\",\"code\":\"KEY\",\"param\":\"KEY\",\"type\":\"KEY\"}}",
            ),
            422,
            "upstream_rejected",
        ),
        case("a teapot", echoing("418 I'm a teapot", "KEY"), 418, "upstream_rejected"),
        case("too many requests", echoing("429 Too Many Requests", "KEY"), 429, "rate_limit_exceeded"),
        case("an error", echoing("500 Oops", "[{\"msg\":\"KEY\",\"loc\":[\"KEY\"]}]"), 502, "upstream_error"),
        case("not available", echoing("503 Unavailable", "{\"error\":\"KEY\"}"), 503, "upstream_unavailable"),
        case("a timeout", echoing("504 Timeout", "{\"error\":\"KEY\"}"), 504, "upstream_timeout"),
        case("overloaded", echoing("529 Overloaded", "{\"error\":\"KEY\"}"), 503, "upstream_unavailable"),
        case("a strange status", echoing("999 Strange", "{\"error\":\"KEY\"}"), 502, "upstream_error"),
    ]
}

/// Failures of whole answers alone.
fn broken_answers() -> Vec<Case> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let not_utf8 =
        [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", ANSWER.replace("Well", "\u{1}").as_bytes()]
            .concat();
    let not_utf8: Vec<u8> = not_utf8.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    vec![
        case(
            "a length that is too long",
            format!("{head}content-length: 5000\r\n\r\n{ANSWER}"),
            502,
            "upstream_cut",
        ),
        case(
            "a length that is too short",
            format!("{head}content-length: 100\r\n\r\n{ANSWER}"),
            502,
            "upstream_malformed",
        ),
        case(
            "a chunk that breaks off",
            format!("{head}transfer-encoding: chunked\r\n\r\nfff\r\n{ANSWER}"),
            502,
            "upstream_cut",
        ),
        case(
            "a chunk of no size",
            format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{ANSWER}"),
            502,
            "upstream_cut",
        ),
        case("no UTF-8", not_utf8, 502, "upstream_malformed"),
        case(
            "a compressed answer",
            format!("{head}content-encoding: gzip\r\n\r\n\x1f\x08"),
            502,
            "upstream_malformed",
        ),
    ]
}

#[tokio::test]
async fn what_is_no_answer_becomes_a_clear_error_that_costs_nothing() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for Case { name, said, status, code } in no_answers().into_iter().chain(broken_answers()) {
        let _upstream = raw.always(said);
        let reply = gateway.client.chat(&ask_raw("Hello")).await;
        assert_error(&gateway, name, &reply, status, code).await;
    }
    for Case { name, said, status, code } in no_answers() {
        let _upstream = raw.always(said);
        let mut body = ask_raw("Hello");
        body["stream"] = true.into();
        let reply = gateway.client.chat(&body).await;
        assert_error(&gateway, name, &reply, status, code).await;
    }
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted, "nobody pays for an error");
    assert!(gateway.finish().await);
}

async fn assert_error(gateway: &Gateway, name: &str, reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{name}: {reply:?}");
    assert_eq!(reply.header("content-type"), "application/json", "{name}");
    assert!(!format!("{reply:?}").contains(CREDENTIAL), "{name}: {reply:?}");
    let message = reply.json()["error"]["message"].as_str().expect("a text").to_owned();
    assert!(!message.is_empty() && message.len() < 2_000 && !message.contains('<'), "{name}: {message}");
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert_eq!(receipt["status"], status, "{name}");
    assert_eq!(receipt["error_code"], code, "{name}");
    let outcome = receipt["outcome"].as_str().expect("a word");
    assert!(matches!(outcome, "upstream_error" | "cut"), "{name}: {outcome}");
    assert_eq!((&receipt["rule"], &receipt["total_cost"]), (&json!("nothing_generated"), &json!(0.0)));
}

#[tokio::test]
async fn good_answers_in_odd_clothes_are_taken() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(50);
    for (name, said) in [
        ("HTTP/1.0 until the end of the connection", format!("HTTP/1.0 200 OK\r\n\r\n{ANSWER}")),
        ("another content type", reply("200 OK", "text/plain", ANSWER)),
        ("hints before it", hints + &reply("200 OK", "application/json", ANSWER)),
        ("201", reply("201 Created", "application/json", ANSWER)),
        ("blanks around it", reply("200 OK", "application/json", &format!("\n  {ANSWER}\n\n"))),
    ] {
        let (body, said) = (ask_raw("Hello"), said.into_bytes());
        let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(&said));
        assert_eq!(
            (told.status.as_u16(), told.header("x-tollgate-cost")),
            (200, "0.00002"),
            "{name}: {told:?}"
        );
        assert_eq!(told.json()["choices"][0]["message"]["content"], "Well.");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_credential_stays_where_it_belongs() {
    let (raw, elsewhere) = (Raw::start().await, Raw::start().await);
    let gateway = Gateway::start_with(raw.setup()).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = elsewhere.url();
        let said = format!(
            "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let visited = elsewhere.always(reply("200 OK", "application/json", ANSWER));
        let (body, said) = (ask_raw("Hello"), said.into_bytes());
        let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(&said));
        assert_eq!((told.status.as_u16(), told.code().as_str()), (502, "upstream_error"), "{told:?}");
        assert_eq!(visited.requests(), 0, "{status}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 500 Oops\r\n\r\n"] {
        let body = ask_raw("Hello");
        let flood = async {
            let mut exchange = raw.accept().await;
            exchange.write(head.as_bytes()).await;
            let piece = vec![b' '; 1 << 20];
            let mut sent = 0;
            while tokio::io::AsyncWriteExt::write_all(&mut exchange.stream, &piece).await.is_ok() {
                sent += piece.len();
            }
            sent
        };
        // A 500 is tried again; one flood is enough to see.
        let call = async {
            let told = gateway.client.chat(&body).await;
            assert_eq!(told.status, 502, "{told:?}");
        };
        let sent = if head.contains("200") {
            soon("the flood to end", async { tokio::join!(call, flood).1 }).await
        } else {
            let flood = soon("the flood to end", async {
                let sent = flood.await;
                let _rest = raw.always(reply("500 Oops", "text/plain", "no"));
                (sent, _rest)
            });
            tokio::join!(call, flood).1.0
        };
        assert!(sent < 100 << 20, "{sent} bytes were read");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

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
            after(b"data: {\"error\":{\"message\":\"KEY failed\"}}\n\ndata: [DONE]\n\n"),
            "upstream_error",
        ),
        (
            "an error text",
            after(b"data: {\"error\":\"KEY failed\",\"error_type\":\"generation\"}\n\n"),
            "upstream_error",
        ),
        ("a named error", after(b"event: error\ndata: {\"error\":\"KEY failed\"}\n\n"), "upstream_error"),
        ("a chunk that breaks off", broken_chunk.into_bytes(), "upstream_cut"),
    ]
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_event_and_without_the_end_mark() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for (name, said, code) in broken_streams() {
        let said = String::from_utf8_lossy(&said)
            .contains("KEY")
            .then(|| replace(&said, "KEY", CREDENTIAL))
            .unwrap_or(said);
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

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(bytes.to_vec()).expect("UTF-8").replace(from, to).into_bytes()
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

#[tokio::test]
async fn how_long_to_wait_is_passed_on() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    for (status, given, after, after_ms) in [
        ("429 Slow", "retry-after: 7", "7", "7000"),
        ("429 Slow", "retry-after-ms: 6500", "7", "6500"),
        ("429 Slow", "retry-after: 9\r\nretry-after-ms: 8000", "8", "8000"),
        ("503 Later", "retry-after: 30", "30", "30000"),
        ("429 Slow", "retry-after: 18446744073709551615", "18446744073709551615", "18446744073709551615"),
    ] {
        let said = reply(status, "application/json", "{}")
            .replace("connection: close", &format!("connection: close\r\n{given}"));
        let upstream = raw.always(said);
        let told = gateway.client.chat(&ask_raw("Hello")).await;
        assert_eq!(told.status.as_str(), &status[..3], "{told:?}");
        assert_eq!((told.header("retry-after"), told.header("retry-after-ms")), (after, after_ms), "{given}");
        assert_eq!(upstream.requests(), 1, "what asks for so long is not waited for");
        assert_eq!(told.header("x-should-retry"), "", "so the client may try again");
    }
    // A short wait is waited for here, and the client is told not to try again after that.
    let said = reply("429 Slow", "application/json", "{}")
        .replace("connection: close", "connection: close\r\nretry-after-ms: 10");
    let upstream = raw.always(said);
    let told = gateway.client.chat(&ask_raw("Hello")).await;
    assert_eq!((told.status.as_u16(), upstream.requests()), (429, 3));
    assert_eq!(told.header("x-should-retry"), "false");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_date_to_wait_for_is_passed_on_as_seconds() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let said = reply("429 Slow", "application/json", "{}")
        .replace("connection: close", "connection: close\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT");
    let (body, said) = (ask_raw("Hello"), said.into_bytes());
    let (told, _) = tokio::join!(gateway.client.chat(&body), raw.answer(&said));
    let seconds: u64 = told.header("retry-after").parse().expect("seconds");
    assert!(seconds > Duration::from_secs(86_400 * 365).as_secs(), "{seconds}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// What the simulator does, how often it is asked, and what the client gets.
#[tokio::test]
async fn what_may_be_tried_again_is_tried_again_and_nothing_else() {
    for (script, attempts, status) in [
        (Script { status: Some(500), ..Script::default() }, 3, 502),
        (Script { status: Some(503), body: Some(ErrorBody::Html), ..Script::default() }, 3, 503),
        (Script { status: Some(429), body: Some(ErrorBody::Empty), ..Script::default() }, 3, 429),
        (Script { status: Some(502), body: Some(ErrorBody::Huge), ..Script::default() }, 3, 502),
        (Script { ok_error: true, ..Script::default() }, 3, 502),
        (Script { error_after: Some(0), ..Script::default() }, 1, 200),
        (Script { status: Some(400), ..Script::default() }, 1, 400),
        (Script { status: Some(422), body: Some(ErrorBody::Detail), ..Script::default() }, 1, 422),
        (Script { garbage: Some(Garbage::Json), ..Script::default() }, 1, 502),
        (Script { cut_after: Some(1), ..Script::default() }, 1, 502),
    ] {
        let gateway = Gateway::start().await;
        gateway.sim.script(Match::any(), script.clone());
        let told = gateway.client.chat(&ask("Hello")).await;
        assert_eq!(told.status.as_u16(), status, "{script:?}: {told:?}");
        let calls = gateway.sim.requests().iter().filter(|call| call.path.ends_with("completions")).count();
        assert_eq!(calls, attempts, "{script:?}");
        assert_eq!(gateway.receipt(&told.call_id()).await["attempts"], attempts, "{script:?}");
        let expected = if attempts > 1 { "false" } else { "" };
        assert_eq!(told.header("x-should-retry"), expected, "{script:?}");
        gateway.settled().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_tried_again_and_after_it_never() {
    for (script, attempts) in [
        (Script { error_after: Some(0), ..Script::default() }, 3),
        (Script { error_after: Some(2), ..Script::default() }, 1),
        (Script { cut_after: Some(2), ..Script::default() }, 1),
    ] {
        let gateway = Gateway::start().await;
        gateway.sim.script(Match::any(), script.clone());
        let stream = gateway.client.stream(&ask("Hello")).await;
        let failed_before = attempts > 1;
        assert_eq!(stream.status.as_u16(), if failed_before { 502 } else { 200 }, "{script:?}");
        let call = stream.call_id();
        if !failed_before {
            let told: Told = stream.rest().await;
            assert!(told.error().is_some_and(Value::is_object) && !told.done, "{told:?}");
        }
        assert_eq!(gateway.receipt(&call).await["attempts"], attempts, "{script:?}");
        gateway.settled().await;
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_told_as_such() {
    let toml = "[providers.gone]\nbase_url = \"http://127.0.0.1:1/v1\"\ncatalogue = \"none\"\n\
                [models.gone]\nprovider = \"gone\"\nfree = true\n";
    let gateway = Gateway::start_with(Setup { toml: toml.to_owned(), ..Setup::default() }).await;
    let mut body = ask("Hello");
    body["model"] = "gone".into();
    let told = gateway.client.chat(&body).await;
    assert_eq!((told.status.as_u16(), told.code().as_str()), (502, "upstream_unreachable"), "{told:?}");
    let receipt = gateway.receipt(&told.call_id()).await;
    assert_eq!((&receipt["attempts"], &receipt["outcome"]), (&json!(3), &json!("upstream_error")));
    gateway.settled().await;
    assert!(gateway.finish().await);
}
