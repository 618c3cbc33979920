//! The memory of request bodies: what all calls together may take, and that it comes back.

use serde_json::{Value, json};

use crate::dialects::{DIALECTS, Dialect};
use crate::harness::{Gateway, Setup};
use crate::raw::{RAW_MODEL, Raw, reply};

const KIB: usize = 1 << 10;

/// A question of about `kib` KiB in the dialect.
fn large(dialect: Dialect, kib: usize) -> Value {
    dialect.ask_model(RAW_MODEL, &"a ".repeat(kib * KIB / 2))
}

const ANSWER: &str = r#"{"id":"c","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

#[tokio::test]
async fn bodies_share_a_memory_that_comes_back_with_the_answers() {
    let raw = Raw::start().await;
    let toml =
        "[server]\nbody_bytes_max = 1000000\nbodies_bytes_max = 1048576\n".to_owned() + &raw.toml_with("");
    let gateway = Gateway::start_with(Setup { toml, credit: "50.00", ..Setup::default() }).await;
    // In a dialect that is translated a call has two bodies for a moment: that of its client and that which is sent.
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
    let toml =
        "[server]\nbody_bytes_max = 1000000\nbodies_bytes_max = 1048576\n".to_owned() + &raw.toml_with("");
    let gateway = Gateway::start_with(Setup { toml, credit: "50.00", ..Setup::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut body = large(Dialect::Chat, 900);
        body["stream"] = json!(true);
        let (client, body) = (gateway.client.clone(), body);
        let asked = tokio::spawn(async move { client.stream(&body).await });
        let mut exchange = raw.accept().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
        exchange.write((head.to_owned() + chunk).as_bytes()).await;
        let mut stream = asked.await.expect("a stream");
        assert!(stream.next().await.is_some(), "the first words are there");
        open.push((exchange, stream));
    }
    for (mut exchange, stream) in open {
        let end =
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        exchange.write(end.as_bytes()).await;
        exchange.close().await;
        assert!(stream.rest().await.done);
    }
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
