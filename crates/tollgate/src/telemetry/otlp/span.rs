//! Spans as OTLP writes them in JSON, with the attributes of OpenTelemetry's conventions for generative AI: one for
//! the call, as a server, and one for each try at an upstream, as a client. Prompts and answers are in none.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Outcome, Receipt};
use serde_json::{Value, json};

use super::Server;

use crate::telemetry::ClosedCall;
use crate::telemetry::trace::{Attempt, CallTrace};

/// The kinds and the status of a span, by OTLP's numbers.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const FAILED: u8 = 2;

/// The body of an export request.
pub(super) fn request(
    batch: &[Box<ClosedCall>],
    service_name: &str,
    servers: &HashMap<Arc<str>, Server>,
) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = vec![text("service.name", service_name), text("service.version", version)];
    let spans: Vec<_> = batch.iter().flat_map(|call| spans(call, servers)).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "tollgate", "version": version}, "spans": spans}],
    }]})
}

fn spans(call: &ClosedCall, servers: &HashMap<Arc<str>, Server>) -> Vec<Value> {
    let Some(trace) = &call.trace else { return Vec::new() };
    let attempts = trace.attempts.iter().enumerate();
    let attempts =
        attempts.map(|(index, attempt)| attempt_span(&call.receipt, trace, index, attempt, servers));
    std::iter::once(call_span(call, trace)).chain(attempts).collect()
}

fn call_span(call: &ClosedCall, trace: &CallTrace) -> Value {
    let receipt = &call.receipt;
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("http.request.method", "POST"),
        text("http.route", route(receipt.dialect)),
        number("http.response.status_code", receipt.status.into()),
        number("gen_ai.usage.input_tokens", receipt.usage.input),
        number("gen_ai.usage.output_tokens", receipt.usage.output),
        number("gen_ai.usage.cache_read.input_tokens", receipt.usage.cached_input),
        text("tollgate.call.id", &receipt.call.to_string()),
        text("tollgate.account.id", &receipt.account.to_string()),
        text("tollgate.key.id", &receipt.key.to_string()),
        text("tollgate.outcome", receipt.outcome.as_str()),
        text("tollgate.rule", receipt.rule.as_str()),
        text("tollgate.charge", &call.charge.to_string()),
        number("tollgate.attempts", receipt.attempts.into()),
        json!({"key": "tollgate.stream", "value": {"boolValue": receipt.stream}}),
    ];
    let known = [
        ("gen_ai.request.model", Some(receipt.model_asked.as_str()).filter(|model| !model.is_empty())),
        ("gen_ai.response.model", receipt.model_served.as_deref()),
        ("gen_ai.provider.name", receipt.provider.as_deref()),
        ("gen_ai.response.id", receipt.upstream_id.as_deref()),
        ("tollgate.inference_provider", receipt.inference_provider.as_deref()),
    ];
    attributes.extend(known.into_iter().filter_map(|(name, value)| Some(text(name, value?))));
    if let Some(reason) = &receipt.finish_reason {
        let reasons = json!({"arrayValue": {"values": [{"stringValue": reason}]}});
        attributes.push(json!({"key": "gen_ai.response.finish_reasons", "value": reasons}));
    }
    if let Some(first_token_us) = receipt.first_token_us {
        attributes.push(number("tollgate.time_to_first_token_us", first_token_us));
    }
    let failed = failure(receipt);
    attributes.extend(failed.map(|word| text("error.type", word)));
    // The name says what was served, never what a client wrote: collectors keep an index of names.
    let name =
        receipt.model_served.as_ref().map_or_else(|| "chat".to_owned(), |model| format!("chat {model}"));
    let mut span = json!({
        "traceId": format!("{:032x}", trace.trace),
        "spanId": format!("{:016x}", trace.span),
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": nanos(receipt, 0),
        "endTimeUnixNano": nanos(receipt, receipt.total_us),
        "attributes": attributes,
        "status": if failed.is_some() { json!({"code": FAILED}) } else { json!({}) },
    });
    if let Some(parent) = trace.parent {
        span["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    span
}

fn attempt_span(
    receipt: &Receipt,
    trace: &CallTrace,
    index: usize,
    attempt: &Attempt,
    servers: &HashMap<Arc<str>, Server>,
) -> Value {
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", &attempt.provider),
        text("gen_ai.request.model", &attempt.model),
        text("http.request.method", "POST"),
    ];
    if let Some(server) = servers.get(&attempt.provider) {
        attributes.push(text("server.address", &server.address));
        attributes.push(number("server.port", server.port.into()));
    }
    // A try that began well may end badly in mid-stream: then its failure is the call's.
    let last = index + 1 == trace.attempts.len();
    let failed = attempt.failure.as_deref().or(failure(receipt).filter(|_| last));
    attributes.extend(failed.map(|word| text("error.type", word)));
    json!({
        "traceId": format!("{:032x}", trace.trace),
        "spanId": format!("{:016x}", trace.attempt_span(index)),
        "parentSpanId": format!("{:016x}", trace.span),
        "name": format!("chat {}", attempt.model),
        "kind": CLIENT,
        "startTimeUnixNano": nanos(receipt, attempt.started_us),
        "endTimeUnixNano": nanos(receipt, attempt.failed_us.unwrap_or(receipt.total_us)),
        "attributes": attributes,
        "status": if failed.is_some() { json!({"code": FAILED}) } else { json!({}) },
    })
}

/// The word for how a call failed, if it did.
fn failure(receipt: &Receipt) -> Option<&str> {
    (receipt.outcome != Outcome::Complete)
        .then(|| receipt.error_code.as_deref().unwrap_or(receipt.outcome.as_str()))
}

/// The path of each of [`domain::receipt::DIALECTS`].
fn route(dialect: &str) -> &'static str {
    match dialect {
        "responses" => "/v1/responses",
        "messages" => "/v1/messages",
        "completions" => "/v1/completions",
        "embeddings" => "/v1/embeddings",
        _ => "/v1/chat/completions",
    }
}

/// A time of the call, in nanoseconds since the Unix epoch, as text: JSON's numbers do not hold it.
fn nanos(receipt: &Receipt, after_us: u64) -> String {
    let micros = receipt.started_at_ms.saturating_mul(1_000).saturating_add_unsigned(after_us);
    micros.saturating_mul(1_000).to_string()
}

fn text(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

fn number(name: &str, value: u64) -> Value {
    json!({"key": name, "value": {"intValue": value.to_string()}})
}
