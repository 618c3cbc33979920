//! What clients send: every field of OpenAI's request reaches the upstream as it was written, and what is no request
//! is refused with a clear error, without growth of memory.

use bytes::Bytes;
use futures_util::future::join_all;
use hf_sim::{HfSim, SimConfig};
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::harness::{Gateway, MODEL, Setup};
use crate::process::Process;

const CHAT: &str = "/v1/chat/completions";

/// A model whose every offer has a price, and whose fastest provider takes any field.
const PLAIN_MODEL: &str = "openai/gpt-oss-20b";

/// Fields as clients write them, spaces, escapes and number formats included.
const FIELDS: &[&str] = &[
    r#""messages" : [ {"role":"system","content":"Be brief."}, {"role":"developer","content":"And kind.","name":"d"},
        {"role":"user","content":[{"type":"text","text":"What is \u0041 \/ \"b\"? 東京 😀","cache_control":{"type":"ephemeral"}},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"x\": 1}"}}]},
        {"role":"tool","tool_call_id":"call_1","content":"{\"y\": 2}"}, {"role":"user","content":"Go on","x_unknown":[null,{"a":[]}]} ]"#,
    r#""tools":[{"type":"function","function":{"name":"look","description":"Looks","strict":true,"parameters":{"type":"object","properties":{"x":{"type":"integer","default":null}},"required":["x"]}}}]"#,
    r#""tool_choice": {"type":"function","function":{"name":"look"}}"#,
    r#""parallel_tool_calls":false"#,
    r#""response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":{"type":"object","properties":{}}}}"#,
    r#""logprobs":true"#,
    r#""top_logprobs":3"#,
    r#""n":2"#,
    r#""seed":-12345678901234567"#,
    r#""stop":["\n\n","END"]"#,
    r#""temperature":1.0e+0"#,
    r#""top_p":0.9500"#,
    r#""presence_penalty":-0.0"#,
    r#""frequency_penalty":0"#,
    r#""logit_bias":{"50256":-100}"#,
    r#""max_tokens":64"#,
    r#""user":"u\u0031""#,
    r#""metadata":{"k":"v"}"#,
    r#""store":false"#,
    r#""service_tier":"auto""#,
    r#""modalities":["text"]"#,
    r#""reasoning_effort":"low""#,
    r#""prediction":null"#,
    r#""repetition_penalty":1.05"#,
    r#""x_Unknown":{"Deep":[1e400,{"":null}],"big":123456789012345678901234567890.5}"#,
    "\"\\u0078_escaped\"\t:\n\"\\ud83d\\ude00\"",
];

#[tokio::test]
async fn every_field_reaches_the_upstream_as_it_was_written_with_the_model_first() {
    let gateway = Gateway::start().await;
    let fields = FIELDS.join(" ,\n ");
    let sent = format!(" {{ \"provider\" : \"hug\", {fields} , \"model\":\"{PLAIN_MODEL}\" }} \n");
    let reply = gateway.client.post(CHAT, sent).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(forwarded(&gateway), format!("{{\"model\":\"{PLAIN_MODEL}\",{}}}", FIELDS.join(",")));
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert_eq!((&receipt["outcome"], &receipt["model_asked"]), (&json!("complete"), &json!(PLAIN_MODEL)));
    assert_eq!(reply.json()["choices"].as_array().map(Vec::len), Some(2), "n = 2 is honoured");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// The caller's stream options, and those that are sent.
const STREAM_OPTIONS: &[(&str, &str)] = &[
    ("", r#""stream_options":{"include_usage":true}"#),
    (r#","stream_options":null"#, r#""stream_options":{"include_usage":true}"#),
    (r#","stream_options":{}"#, r#""stream_options":{"include_usage":true}"#),
    (r#","stream_options":{"include_usage":false}"#, r#""stream_options":{"include_usage":true}"#),
    (
        r#","stream_options":{"continuous_usage_stats": false, "include_usage":null,"x":[1.50]}"#,
        r#""stream_options":{"include_usage":true,"continuous_usage_stats":false,"x":[1.50]}"#,
    ),
];

#[tokio::test]
async fn a_stream_always_asks_for_its_usage_and_keeps_the_other_stream_options() {
    let gateway = Gateway::start().await;
    for (given, expected) in STREAM_OPTIONS {
        let messages = r#""messages":[{"role":"user","content":"Hi"}],"max_tokens":20,"stream":true"#;
        let sent = format!("{{\"model\":\"{PLAIN_MODEL}\",{messages}{given}}}");
        let reply = gateway.client.post(CHAT, sent).await;
        assert_eq!(reply.status, 200, "{given}: {reply:?}");
        assert_eq!(forwarded(&gateway), format!("{{\"model\":\"{PLAIN_MODEL}\",{messages},{expected}}}"));
        let text = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
        assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("\"usage\":{"), "{given}: {text}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_limit_that_the_caller_did_not_name_is_written_into_the_body() {
    let gateway = Gateway::start_with(Setup { credit: "0.001", ..Setup::default() }).await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]});
    let reply = gateway.client.chat(&body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let limit: u64 = reply.header("x-tollgate-max-tokens").parse().expect("a limit");
    let sent: Value = serde_json::from_str(&forwarded(&gateway)).expect("JSON");
    assert_eq!(sent["max_tokens"], limit);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// A body, what it is sent as, and the status and code that it gets.
struct Bad {
    name: &'static str,
    body: Bytes,
    headers: &'static [(&'static str, &'static str)],
    status: u16,
    code: &'static str,
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn bad(name: &'static str, body: impl Into<Bytes>, code: &'static str) -> Bad {
    Bad { name, body: body.into(), headers: JSON, status: 400, code }
}

/// A chat body with `field` as its last field.
fn with(field: &str) -> String {
    format!("{{\"model\":\"{MODEL}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}}],{field}}}")
}

fn with_content(content: &str) -> String {
    format!("{{\"model\":\"{MODEL}\",\"messages\":[{{\"role\":\"user\",\"content\":{content}}}]}}")
}

fn bad_bodies() -> Vec<Bad> {
    const DEEP: usize = 1_000_000;
    let keys: String = (0..DEEP).map(|at| format!("\"k{at}\":0,")).collect();
    let digits = "9".repeat(DEEP);
    let wrong_type = |name, headers, body: String| Bad {
        name,
        body: body.into(),
        headers,
        status: 415,
        code: "unsupported_media_type",
    };
    vec![
        bad("empty", "", "invalid_json"),
        bad("blank", "  \n ", "invalid_json"),
        bad("no JSON", "model=x&messages=y", "invalid_json"),
        bad("half of it", with("\"n\":1")[..40].to_owned(), "invalid_json"),
        bad("something after it", with("\"n\":1") + "{}", "invalid_json"),
        bad("an array", "[]", "invalid_json"),
        bad("a text", "\"hello\"", "invalid_json"),
        bad("null", "null", "invalid_json"),
        bad("a byte order mark", format!("\u{feff}{}", with("\"n\":1")), "invalid_json"),
        bad("UTF-16", Bytes::from_static(b"\xff\xfe{\0}\0"), "invalid_json"),
        bad("bad UTF-8", [with("\"user\":\"").as_bytes(), b"\xc3\x28\"}"].concat(), "invalid_json"),
        bad("a surrogate in UTF-8", Bytes::from_static(b"{\"model\":\"\xed\xa0\x80\"}"), "invalid_json"),
        bad("a lone surrogate as model", "{\"model\":\"\\ud800\",\"messages\":[]}", "invalid_type"),
        bad("a NUL outside of texts", Bytes::from_static(b"{\"model\":\0}"), "invalid_json"),
        bad("a raw NUL in a text", Bytes::from_static(b"{\"model\":\"\0\"}"), "invalid_json"),
        bad("NaN", with("\"temperature\":NaN"), "invalid_json"),
        bad("nothing but brackets", "[".repeat(DEEP), "body_too_deep"),
        bad("deep objects", "{\"a\":".repeat(DEEP), "body_too_deep"),
        bad("deep in a message", with_content(&("[".repeat(DEEP) + &"]".repeat(DEEP))), "body_too_deep"),
        bad("a million keys", format!("{{{keys}\"model\":\"{MODEL}\"}}"), "too_many_fields"),
        bad(
            "a million keys in a message",
            with_content(&format!("[{{{keys}\"type\":\"text\"}}]")),
            "invalid_value",
        ),
        bad("a number without end", with("\"max_tokens\":1e999999"), "invalid_type"),
        bad("a million digits", with(&format!("\"max_tokens\":{digits}")), "invalid_value"),
        bad("no messages", format!("{{\"model\":\"{MODEL}\"}}"), "missing_required_parameter"),
        bad(
            "no model",
            "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            "missing_required_parameter",
        ),
        bad("a model twice", with("\"model\":\"other\""), "duplicate_parameter"),
        wrong_type("a form", &[("content-type", "application/x-www-form-urlencoded")], with("\"n\":1")),
        wrong_type("plain text", &[("content-type", "text/plain; charset=utf-8")], with("\"n\":1")),
        wrong_type("an empty content type", &[("content-type", "")], with("\"n\":1")),
        wrong_type(
            "a compressed body",
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
            with("\"n\":1"),
        ),
    ]
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_clear_error_and_a_receipt() {
    let gateway = Gateway::start().await;
    for Bad { name, body, headers, status, code } in bad_bodies() {
        let reply = Reply::read(gateway.client.send_with(Method::POST, CHAT, headers, body).await).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{name}: {reply:?}");
        assert_is_openai_error(name, &reply);
        let receipt = gateway.receipt(&reply.call_id()).await;
        let told = (&receipt["outcome"], &receipt["rule"], &receipt["status"], &receipt["error_code"]);
        assert_eq!(told, (&json!("refused"), &json!("not_sent"), &json!(status), &json!(code)), "{name}");
    }
    assert!(gateway.sim.requests().iter().all(|request| request.path != CHAT), "nothing was sent on");
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted);
    assert!(gateway.finish().await);
}

/// Content that is strange and still JSON passes as it is; what the upstream makes of it is the upstream's.
#[tokio::test]
async fn strange_texts_and_numbers_pass_as_they_were_written() {
    let gateway = Gateway::start().await;
    for field in [
        "\"user\":\"\\ud800\"",
        "\"user\":\"\\u0000\"",
        "\"seed\":1e999999",
        "\"x\":-0",
        "\"x\":\"\u{feff}\u{2028}\u{0085}\"",
        &format!("\"x\":{}", "7".repeat(1_000_000)),
    ] {
        let body = with(&format!("\"max_tokens\":20,{field}"));
        let reply = gateway.client.post(CHAT, body).await;
        assert!(forwarded(&gateway).ends_with(&format!(",{field}}}")), "{reply:?}");
        assert!(reply.status == 200 || reply.status == 400, "{reply:?}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let toml = "[server]\nbody_bytes_max = 65536".to_owned();
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for size in [64 << 10, 1 << 20, 30 << 20] {
        let body = with_content(&json!("x".repeat(size)).to_string());
        let reply = gateway.client.post(CHAT, body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (413, "body_too_large"), "{size}");
        assert!(reply.json()["error"]["message"].as_str().expect("text").contains("65536"), "{reply:?}");
        assert_is_openai_error("too large", &reply);
        assert_eq!(gateway.receipt(&reply.call_id()).await["status"], 413);
    }
    let fits = with_content(&json!("x".repeat(60 << 10)).to_string());
    assert_eq!(gateway.client.post(CHAT, fits).await.status, 200, "what fits is served");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn other_methods_and_routes_get_the_same_shape_of_error() {
    let gateway = Gateway::start().await;
    let cases = [
        (Method::GET, CHAT, 405, "method_not_allowed"),
        (Method::PUT, CHAT, 405, "method_not_allowed"),
        (Method::DELETE, "/v1/models", 405, "method_not_allowed"),
        (Method::POST, "/v1/chat/completion", 404, "not_found"),
        // What other APIs have in the place of an id is no route, and what can be an id takes other methods.
        (Method::POST, "/v1/responses/compact", 404, "not_found"),
        (Method::POST, "/v1/responses/compact/", 404, "not_found"),
        (Method::GET, "/v1/responses/compact", 404, "response_not_found"),
        (Method::POST, "/v1/responses/resp_0198c0de00007000800000000000000a", 405, "method_not_allowed"),
        (Method::PUT, "/v1/responses/input_tokens", 405, "method_not_allowed"),
        (Method::PUT, "/v1/conversations/search", 404, "not_found"),
        (Method::GET, "/v1/conversations/search/items/x/y", 404, "not_found"),
        (Method::PUT, "/v1/conversations/conv_0198c0de00007000800000000000000a", 405, "method_not_allowed"),
        (Method::POST, "/v1/keys/rotate", 404, "not_found"),
        (Method::POST, "/v1/keys/key_0198c0de00007000800000000000000a", 405, "method_not_allowed"),
        (Method::POST, "/v1/models/org/model", 405, "method_not_allowed"),
        (Method::POST, "/v1/embedding", 404, "not_found"),
        (Method::GET, "/chat/completions", 404, "not_found"),
        (Method::GET, "/", 404, "not_found"),
        (Method::GET, "/v1/%ff%00/../..", 404, "not_found"),
        (Method::GET, "/v1/models/%ff", 404, "model_not_found"),
        (Method::GET, "/v1/generation?id=1&id=2", 400, "duplicate_parameter"),
        (Method::GET, "/v1/generation?id=%ff", 404, "not_found"),
        (Method::GET, "/v1/generation", 400, "missing_required_parameter"),
        (Method::GET, "/v1/generation?id=1&ID=2", 400, "unknown_parameter"),
    ];
    for (method, path, status, code) in cases {
        let name = format!("{method} {path}");
        let reply = Reply::read(gateway.client.send(method, path, Bytes::new()).await).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{name}: {reply:?}");
        assert_is_openai_error(&name, &reply);
        assert!(status != 405 || !reply.header("allow").is_empty(), "{name}: {reply:?}");
    }
    assert!(gateway.finish().await);
}

/// Agents that ask for a WebSocket first go on with requests at this status.
#[tokio::test]
async fn a_websocket_is_refused_with_the_protocol_that_is_spoken() {
    let gateway = Gateway::start().await;
    let upgrade = [("connection", "Upgrade"), ("upgrade", "WebSocket")];
    let response = gateway.client.send_with(Method::GET, "/v1/responses", &upgrade, Bytes::new()).await;
    let reply = Reply::read(response).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (426, "no_websocket"), "{reply:?}");
    assert_eq!((reply.header("upgrade"), reply.header("connection")), ("HTTP/1.1", "upgrade"), "{reply:?}");
    assert_is_openai_error("a WebSocket", &reply);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn memory_does_not_grow_with_bad_bodies() {
    const GROWTH_MAX: u64 = 24 << 20;
    let (folder, sim) =
        (tempfile::tempdir().expect("a folder"), HfSim::start(SimConfig::default()).expect("a simulator"));
    let mut process = Process::start(folder.path(), &sim, "").await;
    let client = Client::new(&process.url(), &process.text("key").expect("a key"));
    let bodies = bad_bodies();
    let send = async |bad: &Bad| {
        let response = client.send_with(Method::POST, CHAT, bad.headers, bad.body.clone()).await;
        let reply = Reply::read(response).await;
        assert_eq!(reply.status.as_u16(), bad.status, "{}: {reply:?}", bad.name);
    };
    let round = async |bytes_max: usize| {
        join_all(bodies.iter().filter(|bad| bad.body.len() < bytes_max).map(&send)).await;
    };
    // The large ones join every tenth round: always, they would only make the test slow.
    let rounds = async |count: usize| {
        for at in 0..count {
            round(if at % 10 == 0 { 4 << 20 } else { 64 << 10 }).await;
        }
    };
    rounds(30).await;
    let before = process.resident_bytes();
    rounds(200).await;
    let after = process.resident_bytes();
    assert!(after < before + GROWTH_MAX, "grew from {before} to {after} bytes");
    process.signal("TERM");
    assert!(process.exit().await.success());
}

/// The body of the last chat request that the simulator got.
fn forwarded(gateway: &Gateway) -> String {
    let requests = gateway.sim.requests();
    let last = requests.iter().rfind(|request| request.path == CHAT).expect("a request");
    String::from_utf8(last.body.to_vec()).expect("UTF-8")
}

fn assert_is_openai_error(name: &str, reply: &Reply) {
    assert_eq!(reply.header("content-type"), "application/json", "{name}");
    assert!(!reply.call_id().is_empty(), "{name}: it names a call");
    let body = reply.json();
    let mut keys: Vec<&String> = body["error"].as_object().expect("an error").keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "message", "param", "type"], "{name}");
    let message = body["error"]["message"].as_str().expect("a text");
    assert!(!message.is_empty() && message.len() < 1_000, "{name}: {message}");
}
