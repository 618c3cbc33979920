//! The memory of request bodies: what all calls together may take, and that it comes back.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::client::Stream;
use crate::dialects::{DIALECTS, Dialect};
use crate::harness::{Gateway, Setup};
use crate::raw::{RAW_MODEL, Raw, STREAM_HEAD, chunk, reply};

const KIB: usize = 1 << 10;

/// A question of about `kib` KiB in the dialect.
fn large(dialect: Dialect, kib: usize) -> Value {
    dialect.ask_model(RAW_MODEL, &"a ".repeat(kib * KIB / 2))
}

/// A gateway whose bodies may take a mebibyte together, before a model with a context that has no end.
async fn narrow(raw: &Raw) -> Gateway {
    let upstream = raw.toml_with("").replace("context_length = 100000", "context_length = 2000000000");
    let toml = "[server]\nbody_bytes_max = 1000000\nbodies_bytes_max = 1048576\n".to_owned() + &upstream;
    Gateway::start_with(Setup { toml, credit: "50.00", ..Setup::default() }).await
}

/// The end of a stream.
const END: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

const ANSWER: &str = r#"{"id":"c","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

#[tokio::test]
async fn bodies_share_a_memory_that_comes_back_with_the_answers() {
    let raw = Raw::start().await;
    let gateway = narrow(&raw).await;
    // In a dialect that is translated a call has two for a while: the body that is sent, and what is kept of its client's.
    for (dialect, kib) in DIALECTS.map(|dialect| (dialect, if dialect == Dialect::Chat { 600 } else { 400 }))
    {
        let (client, body) = (gateway.client.clone(), large(dialect, kib).to_string());
        let held = tokio::spawn(async move { client.post(dialect.path(), body).await });
        let mut exchange = raw.accept().await;
        for other in DIALECTS {
            let refused = gateway.client.post(other.path(), large(other, 900).to_string()).await;
            assert_eq!(refused.status, 503, "{other:?}: {refused:?}");
            assert!(refused.headers.contains_key("retry-after"), "{other:?}: {refused:?}");
            let receipt = gateway.books().receipt(&refused.call_id()).await;
            assert_eq!((receipt.rule.as_str(), receipt.error.as_deref()), ("not_sent", Some("overloaded")));
        }
        let counted = gateway
            .client
            .post("/v1/responses/input_tokens", large(Dialect::Responses, 900).to_string())
            .await;
        assert_eq!((counted.status.as_u16(), counted.code().as_str()), (503, "overloaded"), "{counted:?}");
        // What is small is served all the same.
        let small = large(dialect, 1).to_string();
        let answer = reply("200 OK", "application/json", ANSWER);
        let (small, _) =
            tokio::join!(gateway.client.post(dialect.path(), small), raw.answer(answer.as_bytes()));
        assert_eq!(small.status, 200, "{small:?}");
        exchange.write(answer.as_bytes()).await;
        exchange.close().await;
        assert_eq!(held.await.expect("an answer").status, 200);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_stream_gives_its_body_back_when_it_begins() {
    let raw = Raw::start().await;
    let gateway = narrow(&raw).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut body = large(Dialect::Chat, 900);
        body["stream"] = json!(true);
        let (client, body) = (gateway.client.clone(), body);
        let asked = tokio::spawn(async move { client.stream(&body).await });
        let mut exchange = raw.accept().await;
        exchange.write((STREAM_HEAD.to_owned() + &chunk("hi")).as_bytes()).await;
        let mut stream = asked.await.expect("a stream");
        assert!(stream.next().await.is_some(), "the first words are there");
        open.push((exchange, stream));
    }
    for (mut exchange, stream) in open {
        exchange.write(END.as_bytes()).await;
        exchange.close().await;
        assert!(stream.rest().await.done);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

/// What a stored response keeps of its request is counted until it is stored.
#[tokio::test]
async fn what_is_kept_of_a_request_while_it_streams_is_counted() {
    let raw = Raw::start().await;
    let gateway = narrow(&raw).await;
    let words = "a ".repeat(400 * KIB / 2);
    let instructions = json!({"store": false, "instructions": words});
    for (what, fields, kept) in [
        ("passes", json!({"input": words, "store": false}), false),
        ("is stored", json!({"input": words}), true),
        ("is told in its head", instructions, true),
    ] {
        let mut body = large(Dialect::Responses, 1);
        body["stream"] = json!(true);
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let client = gateway.client.clone();
        let asked = tokio::spawn(async move { Dialect::Responses.open(&client, &body).await });
        let mut exchange = raw.accept().await;
        exchange.write((STREAM_HEAD.to_owned() + &chunk("hi")).as_bytes()).await;
        let mut stream = Stream::of(asked.await.expect("a stream"));
        assert!(stream.next().await.is_some(), "{what}: it has begun");
        let _others = raw.always(reply("200 OK", "application/json", ANSWER));
        let other = async |kib| {
            gateway.client.post("/v1/chat/completions", large(Dialect::Chat, kib).to_string()).await
        };
        let expected = if kept { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        assert_eq!(other(700).await.status, expected, "{what}");
        exchange.write(END.as_bytes()).await;
        exchange.close().await;
        stream.rest().await;
        assert_eq!(other(900).await.status, StatusCode::OK, "{what}");
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

/// It would be told to try again for ever.
#[tokio::test]
async fn what_can_never_fit_is_too_long_and_not_asked_to_come_again() {
    let raw = Raw::start().await;
    let gateway = narrow(&raw).await;
    let made = gateway.client.post("/v1/conversations", "{}".to_owned()).await.json();
    let id = made["id"].as_str().expect("an id");
    for _ in 0..2 {
        let items = json!({"items": [{"role": "user", "content": "a ".repeat(300 * KIB)}]});
        let added = gateway.client.post(&format!("/v1/conversations/{id}/items"), items.to_string()).await;
        assert_eq!(added.status, StatusCode::OK, "{added:?}");
    }
    let mut body = large(Dialect::Responses, 1);
    body["conversation"] = json!(id);
    let refused = gateway.client.post("/v1/responses", body.to_string()).await;
    let said = (refused.status, refused.code());
    assert_eq!(said, (StatusCode::BAD_REQUEST, "context_length_exceeded".to_owned()), "{refused:?}");
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
