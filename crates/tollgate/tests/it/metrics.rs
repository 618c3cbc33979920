//! `GET /metrics`: what each ending of a call adds to the counts, and that nobody outside can make the counts many.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hyper::Method;
use serde_json::json;

use crate::harness::{Gateway, Setup, ask, ask_model};

/// The samples of a scrape, by name and labels.
type Samples = BTreeMap<String, String>;

async fn scrape(gateway: &Gateway) -> Samples {
    let reply = gateway.admin.get("/metrics").await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(reply.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = String::from_utf8(reply.body.to_vec()).expect("text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        (series.to_owned(), value.to_owned())
    });
    let listed: Vec<_> = samples.collect();
    let by_series: Samples = listed.iter().cloned().collect();
    assert_eq!(listed.len(), by_series.len(), "a series stands there twice");
    by_series
}

/// What counters and counts of histograms have grown by. Times are not told: they differ from run to run.
fn growth(before: &Samples, after: &Samples) -> BTreeMap<String, i64> {
    let counted = |series: &str| {
        let name = series.split('{').next().unwrap_or(series);
        name.ends_with("_total") || (name.ends_with("_count") && !name.contains("_ledger_commit"))
    };
    let number = |samples: &Samples, series: &str| {
        samples.get(series).map_or(0, |value| value.parse().expect("a number"))
    };
    let grown = after.keys().filter(|series| counted(series)).map(|series| {
        let grown: i64 = number(after, series) - number(before, series);
        (series.clone(), grown)
    });
    grown.filter(|(_, grown)| *grown != 0).collect()
}

const HF: &str = "provider=\"huggingface\"";

fn calls(provider: &str, outcome: &str, class: &str) -> String {
    format!(
        "tollgate_calls_total{{{provider},outcome=\"{outcome}\",status_class=\"{class}\",dialect=\"chat\"}}"
    )
}

#[tokio::test]
async fn each_ending_adds_exactly_its_own() {
    let gateway = Gateway::start().await;
    let before = scrape(&gateway).await;

    // Two that are complete, one of them a stream; one that the upstream refuses; one without a credential.
    assert!(gateway.client.chat(&ask("[[sim tokens=8]]")).await.status.is_success());
    assert!(gateway.client.stream(&ask("[[sim tokens=8]]")).await.rest().await.done);
    assert_eq!(gateway.client.chat(&ask("[[sim status=400]]")).await.status.as_u16(), 400);
    assert_eq!(gateway.client.with_key("tg-nobody").chat(&ask("Hello")).await.status.as_u16(), 401);
    assert_eq!(gateway.client.chat(&ask_model("nobody/nothing", "Hello")).await.status.as_u16(), 404);
    // One whose client leaves.
    let mut leaving = gateway.client.stream(&ask("[[sim tokens=30 gap_ms=20]]")).await;
    for _ in 0..4 {
        leaving.next().await.expect("an event");
    }
    drop(leaving);
    gateway.settled().await;
    gateway.until("all have receipts", async |gateway| gateway.books().receipts().await.len() == 5).await;

    let receipts = gateway.books().receipts().await;
    let sum = |of: fn(&crate::books::Receipt) -> u64| {
        i64::try_from(receipts.iter().map(of).sum::<u64>()).expect("a small number")
    };
    let tokens = |kind: &str| format!("tollgate_tokens_total{{{HF},kind=\"{kind}\"}}");
    let refused = |code: &str| format!("tollgate_refusals_total{{code=\"{code}\"}}");
    let nobody = "provider=\"(none)\"";
    let mut expected = BTreeMap::from([
        (calls(HF, "complete", "2xx"), 2),
        (calls(HF, "upstream_error", "4xx"), 1),
        (calls(HF, "client_gone", "2xx"), 1),
        (calls(nobody, "refused", "4xx"), 1),
        (refused("invalid_api_key"), 1),
        (refused("model_not_found"), 1),
        ("tollgate_attempts_total".to_owned(), 4),
        (tokens("input"), sum(|receipt| receipt.input)),
        (tokens("cached_input"), sum(|receipt| receipt.cached)),
        (tokens("output"), sum(|receipt| receipt.output)),
        (format!("tollgate_charged_nanodollars_total{{{HF}}}"), gateway.balance().await.spent.nanos()),
        (format!("tollgate_call_duration_seconds_count{{{HF}}}"), 4),
        (format!("tollgate_call_duration_seconds_count{{{nobody}}}"), 1),
        (format!("tollgate_time_to_first_token_seconds_count{{{HF}}}"), 2),
        (format!("tollgate_output_tokens_per_second_count{{{HF}}}"), 3),
    ]);
    let after = scrape(&gateway).await;
    let mut grown = growth(&before, &after);
    let reasoning = grown.remove(&tokens("reasoning")).expect("the model reasons");
    assert!(reasoning < grown[&tokens("output")]);
    expected.retain(|_, grown| *grown != 0);
    assert_eq!(grown, expected);
    assert_eq!(after["tollgate_calls_in_flight"], "0");
    assert_eq!(after["tollgate_ledger_failing"], "0");
    assert!(after[&format!("tollgate_catalogue_models{{{HF}}}")].parse::<u64>().expect("a number") > 0);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_second_try_is_counted_as_a_retry() {
    let gateway = Gateway::start().await;
    let before = scrape(&gateway).await;
    let reply = gateway.client.chat(&ask("[[sim status=503]]")).await;
    assert_eq!(reply.status.as_u16(), 503);
    let attempts = gateway.receipt(&reply.call_id()).await["attempts"].as_i64().expect("a number");
    let grown = growth(&before, &scrape(&gateway).await);
    assert!(attempts > 1);
    assert_eq!(grown["tollgate_attempts_total"], attempts);
    assert_eq!(grown["tollgate_retries_total"], attempts - 1);
    assert_eq!(grown[&calls(HF, "upstream_error", "5xx")], 1);
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn calls_in_flight_and_connections_are_seen_while_they_last() {
    let setup = Setup { toml: "abort = \"void\"\n".to_owned(), ..Setup::default() };
    let gateway = Gateway::start_with(setup).await;
    let mut stream = gateway.client.stream(&ask("[[sim tokens=600 gap_ms=50]]")).await;
    stream.next().await.expect("an event");
    let during = scrape(&gateway).await;
    assert_eq!(during["tollgate_calls_in_flight"], "1");
    assert!(during["tollgate_connections_open"].parse::<u64>().expect("a number") >= 1);
    drop(stream);
    gateway
        .until("both are gone", async |gateway| {
            let now = scrape(gateway).await;
            now["tollgate_calls_in_flight"] == "0" && now["tollgate_connections_open"] == "0"
        })
        .await;
    assert!(gateway.finish().await);
}

/// Every name that a client can choose is chosen anew in each call.
#[tokio::test]
async fn no_client_can_add_a_series() {
    let gateway = Gateway::start().await;
    let hostile = async |number: usize| {
        let name = format!("canary-{number}\\\"}} 1\n# {number}");
        let mut body = ask_model(&name, &name);
        gateway.client.chat(&body).await;
        body["provider"] = json!(format!("p{number}"));
        gateway.client.chat(&body).await;
        gateway.client.with_key(&format!("tg-canary-{number}")).chat(&body).await;
        body = ask("[[sim status=422 message=\"no\" code=\"canary\"]]");
        body["user"] = json!(name);
        gateway.client.chat(&body).await;
    };
    hostile(0).await;
    let series = async || scrape(&gateway).await.into_keys().collect::<BTreeSet<_>>();
    let before = series().await;
    for first in (1..=500).step_by(20) {
        futures_util::future::join_all((first..first + 20).map(hostile)).await;
    }
    let after = series().await;
    assert_eq!(after, before);
    assert!(!after.iter().any(|series| series.contains("canary")), "{after:?}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn metrics_need_the_admin_key_and_tell_no_secret() {
    let gateway = Gateway::start_with(Setup::default()).await;
    let prompt = "canary-word-of-the-prompt";
    assert!(
        gateway
            .client
            .chat(&ask(&format!("{prompt} [[sim text=\"canary-answer\"]]")))
            .await
            .status
            .is_success()
    );
    for key in ["", "wrong", gateway.key.as_str()] {
        assert_eq!(gateway.admin.with_key(key).get("/metrics").await.status.as_u16(), 401);
    }
    assert_eq!(gateway.client.get("/metrics").await.status.as_u16(), 404);
    let headers = [("host", "evil.example")];
    let foreign = gateway.admin.send_with(Method::GET, "/metrics", &headers, Bytes::new()).await;
    assert!(foreign.status().is_client_error());
    let text = format!("{:?}", scrape(&gateway).await);
    for canary in [prompt, "canary-answer", &gateway.key, &gateway.account, "hf_test_token_canary"] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    assert!(gateway.finish().await);
}
