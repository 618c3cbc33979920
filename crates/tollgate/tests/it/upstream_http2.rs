//! Upstreams behind TLS serve calls over HTTP/2 and HTTP/1.1 like a plain connection does, many at once, and cost nothing
//! when they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hf_sim::{HfSim, SimConfig};
use hyper::{Method, Version};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::authority::Authority;
use crate::harness::{Gateway, Setup, answers, ask, ask_model, soon};
use crate::pressure::{slow_client, until_still};
use crate::raw::{ANSWER, Raw, STREAM_HEAD, chunk, reply};
use crate::tls_front::{Behind, H1, H2, STREAMS_MAX, TlsFront, provider};

/// Streams at once: far more than there are connections.
const STREAMS: usize = 64;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Clients that do not read. With 2 MiB for each and 5 MiB for all, as is usual in HTTP/2, they would stop a connection.
const STUCK: usize = 12;

/// A gateway whose Hugging Face is the simulator behind TLS. All goes through one worker, and so one set of connections.
struct Fronted {
    gateway: Gateway,
    front: TlsFront,
    sim: HfSim,
}

impl Fronted {
    async fn start(protocols: &[&str]) -> Fronted {
        let authority = Authority::new();
        let sim = HfSim::start(SimConfig::default()).expect("the simulator");
        let behind = Behind::server(&sim.base_url());
        let front = TlsFront::start(authority.certify().acceptor(protocols), behind).await;
        let setup = Setup {
            upstream: Some(front.url().to_owned()),
            toml: authority.toml() + "[server]\nworkers = 1\n",
            ..Setup::default()
        };
        Fronted { gateway: Gateway::start_with(setup).await, front, sim }
    }

    /// Adds calls, every other one streamed, until there are `count`, and waits until the upstream holds all of them.
    async fn hold(&self, name: &str, count: usize, calls: &mut JoinSet<Answer>) {
        let mut body = ask(&format!("Hello [[sim held={name}]]"));
        while calls.len() < count {
            let client = self.gateway.client.clone();
            body["stream"] = calls.len().is_multiple_of(2).into();
            let body = body.to_string();
            calls.spawn(async move {
                Answer::read(client.send(Method::POST, "/v1/chat/completions", body).await).await
            });
        }
        let arrival = async {
            while self.sim.open_requests() < count {
                sleep(LOOK).await;
            }
        };
        soon("all calls at the upstream", arrival).await;
    }

    /// Lets these calls go. All end well, and are charged.
    async fn release(&self, name: &str, calls: JoinSet<Answer>) {
        let all_held = calls.len();
        for answer in answers(calls, all_held, name, &self.sim).await {
            assert!(answer.status == 200 && answer.complete, "{answer:?}");
            let receipt = self.gateway.receipt(&answer.call).await;
            assert_eq!(receipt["outcome"], "complete");
            assert!(receipt["total_cost"].as_f64().is_some_and(|cost| cost > 0.0), "{receipt}");
        }
    }
}

/// The text, the usage and the cost of a whole call and of a streamed one.
async fn calls(gateway: &Gateway) -> Vec<(String, Value, Value)> {
    let whole = gateway.client.chat(&ask("Hello [[sim tokens=40]]")).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    let text = whole.json()["choices"][0]["message"]["content"].as_str().expect("a text").to_owned();
    let stream = gateway.client.stream(&ask("Hello [[sim tokens=40]]")).await;
    let call = stream.call_id();
    let told = stream.rest().await;
    assert!(told.done, "{told:?}");
    let mut all = Vec::new();
    for (text, call) in [(text, whole.call_id()), (told.text(), call)] {
        let receipt = gateway.receipt(&call).await;
        assert_eq!(receipt["outcome"], "complete");
        all.push((text, receipt["usage"].clone(), receipt["total_cost"].clone()));
    }
    all
}

#[tokio::test]
async fn calls_over_tls_are_answered_and_charged_as_over_a_plain_connection() {
    let plain = Gateway::start().await;
    let expected = calls(&plain).await;
    let spent = plain.settled().await.spent;
    assert!(!spent.is_zero() && !expected[0].0.is_empty(), "{expected:?}");
    assert!(plain.finish().await);
    for (protocols, version) in [
        (&[H2, H1][..], Version::HTTP_2),
        (&[H2], Version::HTTP_2),
        (&[H1], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let Fronted { gateway, front, sim: _sim } = Fronted::start(protocols).await;
        assert_eq!(calls(&gateway).await, expected, "{protocols:?}");
        assert_eq!(gateway.settled().await.spent, spent, "{protocols:?}");
        let requests = front.seen().requests;
        assert!(requests.len() >= 3, "the model list and two calls: {requests:?}");
        assert!(requests.iter().all(|one| *one == version), "{protocols:?}: {requests:?}");
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn many_streams_share_one_connection_of_http_2() {
    let Fronted { gateway, front, sim } = Fronted::start(&[H2]).await;
    // The next calls find the connection that this one opens.
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    let before = front.seen();
    let mut streams = JoinSet::new();
    for at in 0..STREAMS {
        let client = gateway.client.clone();
        streams.spawn(async move {
            let body = ask(&format!("Hello [[sim text=\"stream {at} of many\" gap_ms=5]]"));
            let stream = client.stream(&body).await;
            let told = stream.rest().await;
            assert!(told.done, "{told:?}");
            assert_eq!(told.text(), format!("stream {at} of many"));
        });
    }
    streams.join_all().await;
    let after = front.seen();
    assert_eq!(after.connections, before.connections, "no connection was added");
    assert_eq!(after.requests.len() - before.requests.len(), STREAMS);
    let balance = gateway.settled().await;
    assert_eq!(
        sim.requests().iter().filter(|one| one.status == 200 && one.model.is_some()).count(),
        STREAMS + 1
    );
    assert!(!balance.spent.is_zero());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn no_call_waits_for_room_on_a_connection() {
    /// Calls at once: more than a connection takes.
    const CALLS: usize = 150;
    let room = usize::try_from(STREAMS_MAX).expect("a number");
    let fronted = Fronted::start(&[H2]).await;
    let Fronted { gateway, front, .. } = &fronted;
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    let before = front.seen();
    // One connection is filled, then one call opens the next one, and all others find it.
    let mut calls = JoinSet::new();
    for count in [room, room + 1, CALLS] {
        fronted.hold("few", count, &mut calls).await;
    }
    assert_eq!(front.seen().connections, before.connections + 1);
    fronted.release("few", calls).await;
    let mut calls = JoinSet::new();
    fronted.hold("many", CALLS, &mut calls).await;
    fronted.release("many", calls).await;
    assert_eq!(gateway.client.chat(&ask("Hello")).await.status, 200);
    let after = front.seen();
    assert_eq!(after.connections, before.connections + 1, "both serve all that came later");
    assert_eq!(after.requests.len() - before.requests.len(), 2 * CALLS + 1, "none was sent twice");
    gateway.settled().await;
    assert!(fronted.gateway.finish().await);
}

#[tokio::test]
async fn clients_that_do_not_read_hold_up_nobody_else_on_the_connection() {
    let (authority, raw) = (Authority::new(), Raw::start().await);
    let front = TlsFront::start(authority.certify().acceptor(&[H2]), Behind::server(raw.url())).await;
    let toml = provider("one", front.url(), &(authority.toml() + "abort = \"void\""));
    let toml = toml + "[server]\nworkers = 1\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let mut stuck = ask_model("one", "Tell me everything");
    stuck["stream"] = true.into();
    let (mut clients, written) = (Vec::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..STUCK {
        clients.push(slow_client(&gateway.url, &gateway.key, &stuck).await);
        let (mut upstream, written) = (raw.accept().await, Arc::clone(&written));
        tokio::spawn(async move {
            upstream.write(STREAM_HEAD.as_bytes()).await;
            let event = chunk(&"x".repeat(8 << 10));
            while upstream.stream.write_all(event.as_bytes()).await.is_ok() {
                written.fetch_add(event.len(), Ordering::Relaxed);
            }
        });
    }
    until_still(&written).await;
    let body = ask_model("one", "Hello");
    // More than could slip through what is left of a window.
    let good = reply("200 OK", "application/json", &ANSWER.replace("Well.", &"x".repeat(1 << 20)));
    let (told, _) = tokio::join!(soon("an answer", gateway.client.chat(&body)), raw.answer(good.as_bytes()));
    assert_eq!((told.status.as_u16(), told.header("x-tollgate-cost")), (200, "0.00002"), "{told:?}");
    assert_eq!(front.seen().connections, 1, "all of them share it");
    drop(clients);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// What a server says in HTTP/2: its settings, and that it goes away and has taken nothing.
const GOES_AWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The same, but that it has taken the first request. With that the connection ends.
const GOES_AWAY_WITH_IT: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0";

/// Its settings, and that it refuses the first request.
const REFUSES: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07";

/// Its settings, and that the first request made it fail.
const FAILS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02";

#[tokio::test]
async fn a_server_that_ends_the_connection_costs_nothing() {
    let authority = Authority::new();
    // Where surely nothing was done, the call goes on elsewhere; else it could be generated twice. `None` where it depends
    // on whether the end comes before the request is sent.
    for (name, protocol, behind, goes_on) in [
        ("goes away", H2, Behind::Words(GOES_AWAY), Some(true)),
        ("refuses", H2, Behind::Words(REFUSES), Some(true)),
        ("goes away with it", H2, Behind::Words(GOES_AWAY_WITH_IT), Some(false)),
        ("fails", H2, Behind::Words(FAILS), Some(false)),
        ("says nothing in HTTP/2", H2, Behind::Words(b""), Some(false)),
        ("no HTTP/2", H2, Behind::Words(b"HTTP/1.1 200 OK\r\n\r\n"), Some(false)),
        ("ends HTTP/2 at once", H2, Behind::Nothing, None),
        ("says nothing in HTTP/1.1", H1, Behind::Words(b""), Some(false)),
        ("no HTTP/1.1", H1, Behind::Words(GOES_AWAY), Some(false)),
        ("ends HTTP/1.1 at once", H1, Behind::Nothing, None),
    ] {
        let front = TlsFront::start(authority.certify().acceptor(&[protocol]), behind).await;
        let toml = provider("leaving", front.url(), &authority.toml())
            + "[routes.smart]\noffers = [\"leaving/leaving\", \"hug/openai/gpt-oss-20b:groq\"]\n";
        let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
        for (model, served) in [("leaving", Some(false)), ("smart", goes_on)] {
            let told = gateway.client.chat(&ask_model(model, "Hello")).await;
            let spent = gateway.settled().await.spent;
            if served.unwrap_or(told.status == 200) {
                assert_eq!((told.status.as_u16(), told.header("x-tollgate-provider")), (200, "huggingface"));
                assert_eq!(spent.to_string(), told.header("x-tollgate-cost"), "{name}");
                assert_eq!(gateway.receipt(&told.call_id()).await["attempts"], 2, "{name}");
            } else {
                let code = told.code();
                assert_eq!(
                    (told.status.as_u16(), code.as_str()),
                    (502, "upstream_connection"),
                    "{name}: {told:?}"
                );
                assert!(spent.is_zero(), "{name}: {spent}");
            }
        }
        assert!(gateway.finish().await);
    }
}
