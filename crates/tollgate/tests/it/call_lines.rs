//! The log line of a call: one for each, whatever its ending, made from its receipt.

use std::path::Path;

use hf_sim::{HfSim, SimConfig};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{MODEL, ask, ask_model, soon};
use crate::process::Process;

/// Serves calls of every kind and returns their ids, the log, and the receipts of the calls.
async fn served(folder: &Path, env: &str) -> (Vec<String>, String, Vec<Value>) {
    let sim = HfSim::start(SimConfig::default()).expect("the simulator");
    std::fs::write(folder.join(".env"), env).expect("written");
    let mut process = Process::start(folder, &sim, "").await;
    let key = process.text("key").expect("a key");
    let client = Client::new(&process.url(), &key);
    let mut calls = Vec::new();
    for body in [
        ask("canary-prompt [[sim tokens=8 text=\"canary-answer\"]]"),
        ask("canary-prompt [[sim status=400 message=\"canary-prompt\"]]"),
        ask("canary-prompt [[sim cut_after=2]]"),
        ask_model("no \"such\"\nmodel", "canary-prompt"),
        json!({"model": MODEL, "messages": "canary-prompt"}),
    ] {
        calls.push(client.chat(&body).await.call_id());
    }
    let mut leaving = client.stream(&ask("canary-prompt [[sim tokens=30 gap_ms=10]]")).await;
    calls.push(leaving.call_id());
    leaving.next().await.expect("an event");
    drop(leaving);
    let mut receipts = Vec::new();
    for call in &calls {
        let path = format!("/v1/generation?id={call}");
        let reply = soon("the receipt", async {
            loop {
                let reply = client.get(&path).await;
                if reply.status.is_success() {
                    return reply;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        receipts.push(reply.await.json()["data"].clone());
    }
    process.signal("TERM");
    assert!(process.exit().await.success());
    let log = std::fs::read_to_string(folder.join("log")).expect("a log");
    for canary in ["canary-prompt", "canary-answer", key.as_str()] {
        assert!(!log.contains(canary), "{canary} in {log}");
    }
    (calls, log, receipts)
}

#[tokio::test]
async fn every_call_has_one_line_with_what_its_receipt_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let (calls, log, receipts) = served(folder.path(), "TOLLGATE_LOG_FORMAT=json\n").await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line| line["target"] == "tollgate::call").collect();
    assert_eq!(lines.len(), calls.len(), "{log}");
    for (call, receipt) in calls.iter().zip(&receipts) {
        let line = lines.iter().find(|line| line["call"] == *call).expect("a line");
        assert_eq!((&line["level"], &line["dialect"]), (&json!("INFO"), &json!("chat")));
        for (field, in_receipt) in [
            ("outcome", "outcome"),
            ("provider", "provider_name"),
            ("inference_provider", "inference_provider"),
            ("rule", "rule"),
            ("status", "status"),
            ("code", "error_code"),
            ("total_ms", "generation_time"),
            ("first_token_ms", "latency"),
            ("attempts", "attempts"),
            ("input_tokens", "tokens_prompt"),
            ("output_tokens", "tokens_completion"),
            ("stream", "streamed"),
        ] {
            assert_eq!(line[field], receipt[in_receipt], "{field}: {line} {receipt}");
        }
        let charge = line["charge"].as_str().and_then(|text| text.parse::<f64>().ok());
        assert_eq!(charge, receipt["total_cost"].as_f64(), "{line} {receipt}");
    }
    let of = |index: usize| lines.iter().find(|line| line["call"] == *calls[index]).expect("a line");
    assert_eq!(
        (&of(0)["status"], &of(0)["code"], &of(0)["rule"]),
        (&json!(200), &Value::Null, &json!("reported"))
    );
    assert_eq!((&of(1)["status"], &of(1)["outcome"]), (&json!(400), &json!("upstream_error")));
    assert_eq!(
        (&of(3)["code"], &of(3)["model_asked"]),
        (&json!("model_not_found"), &json!("no \"such\"\nmodel"))
    );
    assert_eq!(of(5)["outcome"], json!("client_gone"));
}

#[tokio::test]
async fn a_line_of_text_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (calls, log, _) = served(folder.path(), "TOLLGATE_LOG=warn,tollgate::call=info\n").await;
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains(" INFO tollgate::call: call call=call_")).collect();
    assert_eq!(lines.len(), calls.len(), "{log}");
    assert!(
        lines.iter().any(|line| line.contains(" model_asked=\"no \\\"such\\\"\\nmodel\" outcome=refused ")),
        "{log}"
    );
    assert!(!log.lines().any(|line| line.contains(" INFO ") && !line.contains("tollgate::call")), "{log}");
}

#[tokio::test]
async fn lines_of_calls_can_be_turned_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, log, _) = served(folder.path(), "TOLLGATE_LOG=info,tollgate::call=off\n").await;
    assert!(log.contains("listening") && !log.contains("tollgate::call"), "{log}");
}

#[tokio::test]
async fn a_new_gateway_warns_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = HfSim::start(SimConfig::default()).expect("the simulator");
    let mut process = Process::start(folder.path(), &sim, "[usage]\nrollup_ms = 1000\n").await;
    let client = Client::new(&process.url(), &process.text("key").expect("a key"));
    let store = Connection::open(folder.path().join("tollgate.db")).expect("a database");
    // When the second call is in the rollups, all is done that was due when the first one was put there.
    for calls in 1..=2 {
        assert_eq!(client.chat(&ask("Hello")).await.status, 200);
        let rolled_up =
            || store.query_row("SELECT rolled_seq FROM usage_state", [], |row| row.get::<_, i64>(0));
        soon("the rollups", async {
            while rolled_up().expect("a state") < calls {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    process.signal("TERM");
    assert!(process.exit().await.success());
    let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");
    assert!(log.contains("INFO") && !log.contains("WARN") && !log.contains("ERROR"), "{log}");
}
