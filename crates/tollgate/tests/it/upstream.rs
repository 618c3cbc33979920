//! Hostile and broken upstreams: whatever they say, the client gets a clear error or a whole answer, never a short
//! one that looks whole, and never the gateway's credential.

use bytes::Bytes;
use serde_json::json;

use crate::client::Reply;
use crate::harness::{Gateway, soon};
use crate::raw::{ANSWER, CREDENTIAL, Raw, ask_raw, reply};

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
    ]
}

/// Error statuses of an upstream that repeats our credential.
fn refusals() -> Vec<Case> {
    vec![
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
    for Case { name, said, status, code } in
        no_answers().into_iter().chain(refusals()).chain(broken_answers())
    {
        let _upstream = raw.always(said);
        let reply = gateway.client.chat(&ask_raw("Hello")).await;
        assert_error(&gateway, name, &reply, status, code).await;
    }
    for Case { name, said, status, code } in no_answers().into_iter().chain(refusals()) {
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
