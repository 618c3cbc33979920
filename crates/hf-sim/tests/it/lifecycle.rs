//! Starting, stopping, and what is on record.

use hf_sim::{HfSim, SimConfig};
use serde_json::json;

use crate::client::{ask, ask_stream, call, chat, open, sim};

const MODEL: &str = "openai/gpt-oss-20b:groq";

#[tokio::test]
async fn requests_are_recorded_with_what_was_sent_and_who_served() {
    let sim = sim();
    let headers =
        [("authorization", "Bearer hf_x"), ("X-HF-Session-id", "abc"), ("x-two", "1"), ("x-two", "2")];
    let body = ask(MODEL, "Hi [[sim tokens=4 reasoning=0]]").to_string();
    let reply = call(&sim, "POST", "/v1/chat/completions?x=1", &headers, &body).await;
    let request = sim.requests().pop().unwrap();
    assert_eq!((request.number, request.method.as_str()), (1, "POST"));
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.header("x-hf-session-id"), Some("abc"));
    assert_eq!(request.header("x-two"), Some("1, 2"));
    assert_eq!(request.body, body.as_bytes());
    assert_eq!((request.model.as_deref(), request.provider.as_deref()), (Some(MODEL), Some("groq")));
    assert_eq!((request.status, request.completed, request.open), (200, true, false));
    let usage = reply.json()["usage"].clone();
    assert_eq!(json!(request.usage.prompt_tokens), usage["prompt_tokens"]);
    assert_eq!(request.usage.completion_tokens, 4);
    assert_eq!(sim.total_usage(), request.usage);
}

#[tokio::test]
async fn the_end_is_on_record_before_the_client_sees_it() {
    let sim = sim();
    for _ in 0..200 {
        for body in [ask(MODEL, "Hi [[sim tokens=1]]"), ask_stream(MODEL, "Hi [[sim tokens=1]]")] {
            chat(&sim, &body).await;
            assert_eq!(sim.open_requests(), 0);
        }
    }
    assert!(sim.requests().iter().all(|request| request.completed && !request.open));
}

#[tokio::test]
async fn recording_can_be_off_while_billing_goes_on() {
    let sim = HfSim::start(SimConfig { record: false, ..SimConfig::default() }).unwrap();
    chat(&sim, &ask(MODEL, "Hi [[sim tokens=4 reasoning=0]]")).await;
    assert!(sim.requests().is_empty());
    assert_eq!(sim.total_usage().completion_tokens, 4);
}

#[tokio::test]
async fn several_workers_serve_one_address() {
    let sim = std::sync::Arc::new(HfSim::start(SimConfig { workers: 3, ..SimConfig::default() }).unwrap());
    let calls = (0..64).map(|at| {
        let sim = std::sync::Arc::clone(&sim);
        tokio::spawn(async move { chat(&sim, &ask_stream(MODEL, &format!("Hi {at}"))).await.done() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
    assert_eq!(sim.requests().len(), 64);
}

#[tokio::test]
async fn dropping_the_simulator_breaks_what_is_open_and_frees_the_address() {
    let sim = sim();
    let addr = sim.addr();
    let reply = open(&sim, &ask_stream(MODEL, "Hi [[sim stall_after=1]]")).await;
    drop(sim);
    let ended = http_body_util::BodyExt::collect(reply.into_body()).await;
    assert!(ended.is_err(), "the stream breaks");
    assert!(std::net::TcpListener::bind(addr).is_ok() || std::net::TcpStream::connect(addr).is_err());
}

#[test]
fn an_address_in_use_is_an_error() {
    let sim = HfSim::start(SimConfig::default()).expect("works without a runtime");
    let error = HfSim::start(SimConfig { listen: sim.addr(), ..SimConfig::default() }).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
