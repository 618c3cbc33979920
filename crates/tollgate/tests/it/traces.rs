//! Traces over OTLP: a span per call and per try, below the client's own; and collectors that fail cost no call.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::Reply;
use crate::collector::{Collector, Manner, Span, attribute};
use crate::harness::{ADMIN_KEY, Gateway, MODEL, Setup, ask};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const TOKEN: &str = "canary-of-the-collectors-token";

async fn traced(collector: &Collector, more: &str) -> Gateway {
    Gateway::start_with(Setup { toml: collector.toml(more), ..Setup::default() }).await
}

async fn call(gateway: &Gateway, body: &Value, traceparent: &str) -> Reply {
    let headers = [("content-type", "application/json"), ("traceparent", traceparent)];
    let path = "/v1/chat/completions";
    Reply::read(gateway.client.send_with(Method::POST, path, &headers, Bytes::from(body.to_string())).await)
        .await
}

/// The spans once there are that many.
async fn spans(gateway: &Gateway, collector: &Collector, count: usize) -> Vec<Span> {
    gateway.until("the spans are there", async |_| collector.spans().len() >= count).await;
    let spans = collector.spans();
    assert_eq!(spans.len(), count, "{spans:?}");
    spans
}

async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let text = String::from_utf8(gateway.admin.get("/metrics").await.body.to_vec()).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    value.unwrap_or_else(|| panic!("{name} in {text}")).parse().expect("a number")
}

#[tokio::test]
async fn a_call_is_a_span_below_the_clients_and_above_its_try() {
    let collector = Collector::start(&[Manner::Takes]).await;
    let more = format!("service_name = \"gate\"\notlp_headers = {{ authorization = \"{TOKEN}\" }}");
    let gateway = traced(&collector, &more).await;
    let question = "canary-prompt [[sim text=\"canary-answer\"]]";
    let reply = call(&gateway, &ask(question), &format!("00-{TRACE}-{PARENT}-01")).await;
    assert!(reply.status.is_success());
    let receipt = gateway.receipt(&reply.call_id()).await;
    let spans = spans(&gateway, &collector, 2).await;
    let (span, attempt) = (&spans[0], &spans[1]);

    assert_eq!(span.headers["content-type"], "application/json");
    assert_eq!(span.headers["authorization"], TOKEN);
    assert_eq!(attribute(&span.resource["attributes"], "service.name"), Some(&json!("gate")));
    assert_eq!((span.text("traceId"), span.text("parentSpanId")), (TRACE, PARENT));
    assert_eq!((&span.span["kind"], span.text("name")), (&json!(2), format!("chat {MODEL}").as_str()));
    assert_eq!(span.span["status"], json!({}));
    for (name, value) in [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("huggingface")),
        ("gen_ai.request.model", json!(MODEL)),
        ("gen_ai.response.model", json!(MODEL)),
        ("gen_ai.response.finish_reasons", json!({"values": [{"stringValue": "stop"}]})),
        ("gen_ai.usage.input_tokens", json!(receipt["tokens_prompt"].to_string())),
        ("gen_ai.usage.output_tokens", json!(receipt["tokens_completion"].to_string())),
        ("http.request.method", json!("POST")),
        ("http.route", json!("/v1/chat/completions")),
        ("http.response.status_code", json!("200")),
        ("tollgate.call.id", json!(reply.call_id())),
        ("tollgate.outcome", json!("complete")),
        ("tollgate.rule", json!("reported")),
        ("tollgate.charge", json!(gateway.balance().await.spent.to_string())),
    ] {
        assert_eq!(span.attribute(name), Some(&value), "{name} in {span:?}");
    }
    assert_eq!(span.attribute("error.type"), None);

    assert_eq!((attempt.text("traceId"), attempt.text("parentSpanId")), (TRACE, span.text("spanId")));
    assert_eq!(attempt.span["kind"], json!(3));
    assert_eq!(attempt.attribute("server.address"), Some(&json!("127.0.0.1")));
    assert!(attempt.nanos() <= span.nanos());
    let passed_on = format!("00-{TRACE}-{}-01", attempt.text("spanId"));
    let requests = gateway.sim.requests();
    let upstream =
        requests.iter().find(|request| request.path.ends_with("/chat/completions")).expect("it came");
    assert_eq!(upstream.header("traceparent"), Some(passed_on.as_str()));

    let told = format!("{spans:?}");
    for canary in ["canary-prompt", "canary-answer", &gateway.key, ADMIN_KEY, "hf_test_token_canary"] {
        assert!(!told.contains(canary), "{canary} in {told}");
    }
    // It counts what the collector has taken when that has answered, which is after the test can see it there.
    gateway
        .until("it is counted", async |gateway| metric(gateway, "tollgate_traces_sent_total").await == 1)
        .await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_call_without_a_trace_begins_one_of_its_own_id() {
    let collector = Collector::start(&[Manner::Takes]).await;
    let gateway = traced(&collector, "").await;
    let reply = call(&gateway, &ask("Hello"), "00-not-a-trace").await;
    let spans = spans(&gateway, &collector, 2).await;
    assert_eq!(format!("call_{}", spans[0].text("traceId")), reply.call_id());
    assert_eq!(spans[0].span["parentSpanId"], Value::Null);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn every_try_and_every_ending_has_its_span() {
    let collector = Collector::start(&[Manner::Takes]).await;
    let gateway = traced(&collector, "").await;
    let reply = gateway.client.chat(&ask("[[sim status=503]]")).await;
    let attempts = gateway.receipt(&reply.call_id()).await["attempts"].as_u64().expect("a number");
    let failed = spans(&gateway, &collector, 1 + usize::try_from(attempts).expect("few")).await;
    assert_eq!(failed[0].attribute("error.type"), Some(&json!("upstream_unavailable")));
    assert_eq!(failed[0].span["status"]["code"], json!(2));
    for attempt in &failed[1..] {
        assert_eq!(attempt.attribute("error.type"), Some(&json!("503")), "{attempt:?}");
        assert_eq!(attempt.text("parentSpanId"), failed[0].text("spanId"));
    }
    let mut ids: Vec<_> = failed.iter().map(|span| span.text("spanId")).collect();
    ids.dedup();
    assert_eq!(ids.len(), failed.len(), "each has an id of its own");

    gateway.client.chat(&json!({"model": "nobody/nothing", "messages": []})).await;
    let mut leaving = gateway.client.stream(&ask("[[sim tokens=30 gap_ms=20]]")).await;
    leaving.next().await.expect("an event");
    drop(leaving);
    let all = spans(&gateway, &collector, failed.len() + 3).await;
    let outcomes: Vec<_> =
        all[failed.len()..].iter().filter_map(|span| span.attribute("tollgate.outcome")).collect();
    assert_eq!(outcomes, [&json!("refused"), &json!("client_gone")]);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_not_sampled_is_passed_on_and_not_sent() {
    let collector = Collector::start(&[Manner::Takes]).await;
    let gateway = traced(&collector, "").await;
    assert!(call(&gateway, &ask("Hello"), &format!("00-{TRACE}-{PARENT}-00")).await.status.is_success());
    let requests = gateway.sim.requests();
    let passed_on = requests.last().expect("a request").header("traceparent").expect("a trace").to_owned();
    assert!(passed_on.starts_with(&format!("00-{TRACE}-")) && passed_on.ends_with("-00"), "{passed_on}");
    assert!(!passed_on.contains(PARENT), "its parent is the gateway's span");
    // The end sends whatever there is.
    assert!(gateway.finish().await);
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn without_a_collector_no_trace_goes_on() {
    let gateway = Gateway::start().await;
    assert!(call(&gateway, &ask("Hello"), &format!("00-{TRACE}-{PARENT}-01")).await.status.is_success());
    assert_eq!(gateway.sim.requests().last().expect("a request").header("traceparent"), None);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_left_is_sent_when_the_gateway_stops() {
    let collector = Collector::start(&[Manner::Takes]).await;
    let gateway = traced(&collector, "").await;
    for _ in 0..3 {
        assert!(gateway.client.chat(&ask("Hello")).await.status.is_success());
    }
    assert!(gateway.finish().await);
    assert_eq!(collector.spans().len(), 6);
}

#[tokio::test]
async fn a_collector_that_is_busy_for_a_moment_is_asked_again() {
    let collector = Collector::start(&[Manner::Answers(503), Manner::Takes]).await;
    let gateway = traced(&collector, "").await;
    assert!(gateway.client.chat(&ask("Hello")).await.status.is_success());
    spans(&gateway, &collector, 2).await;
    assert_eq!(metric(&gateway, "tollgate_traces_dropped_total").await, 0);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_collector_that_fails_costs_its_traces_and_no_call() {
    let nobody = Collector::nowhere();
    let hanging = Collector::start(&[Manner::Hangs]).await;
    let refusing = Collector::start(&[Manner::Answers(400)]).await;
    let overloaded = Collector::start(&[Manner::Answers(503)]).await;
    for collector in [nobody, hanging, refusing, overloaded] {
        let gateway = traced(&collector, "otlp_timeout_ms = 300").await;
        for _ in 0..5 {
            assert!(gateway.client.chat(&ask("Hello")).await.status.is_success());
        }
        gateway
            .until("the loss is counted", async |gateway| {
                metric(gateway, "tollgate_traces_dropped_total").await == 5
            })
            .await;
        assert_eq!(metric(&gateway, "tollgate_traces_sent_total").await, 0);
        assert!(collector.spans().is_empty());
        assert!(gateway.finish().await);
    }
}

#[tokio::test]
async fn no_wait_that_a_collector_asks_for_ends_the_traces() {
    let waits = ["18446744073709551615", "18446744073709551616", "-1", "9223372036854775807", "soon", ""];
    let manners: Vec<Manner> = waits.into_iter().map(Manner::AsksToWait).chain([Manner::Takes]).collect();
    let collector = Collector::start(&manners).await;
    // Those waits that are no numbers are tried again after the first pause, which is longer than a batch has.
    let gateway = traced(&collector, "otlp_timeout_ms = 300").await;
    for sent in 1..=waits.len() {
        assert!(gateway.client.chat(&ask("Hello")).await.status.is_success());
        gateway
            .until("the loss is counted", async |gateway| {
                metric(gateway, "tollgate_traces_dropped_total").await == sent as u64
            })
            .await;
    }
    assert!(gateway.client.chat(&ask("Hello")).await.status.is_success());
    spans(&gateway, &collector, 2).await;
    assert!(gateway.finish().await);
}
