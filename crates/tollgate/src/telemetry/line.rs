//! The log line of a call: one per call, with the fields of its receipt and nothing that its client or its upstream
//! said but names of models.
//!
//! It goes out under the target `tollgate::call` at level info, in the form of all other lines. It is written here and
//! not by the logging library, since there is one per call: this takes a third of its time (ADR 0010).

use std::fmt::Write;

use tracing::Level;

use super::ClosedCall;
use crate::config::LogFormat;
use crate::time::rfc3339;

/// A field's value.
enum Value<'a> {
    Text(&'a str),
    /// Text of our own making that needs no escapes: ids, words and decimals.
    Word(&'a dyn std::fmt::Display),
    Number(u64),
    Flag(bool),
}

/// Whether the log's level lets lines of calls through.
pub(super) fn is_wanted() -> bool {
    tracing::enabled!(target: "tollgate::call", Level::INFO)
}

/// Appends the line of `call`.
pub(super) fn write(out: &mut String, call: &ClosedCall, format: LogFormat) {
    let receipt = &call.receipt;
    let ended_ms = receipt.started_at_ms.saturating_add_unsigned(receipt.total_us / 1_000);
    let at = rfc3339(ended_ms);
    // Writing to a string cannot fail.
    let _ = match format {
        LogFormat::Text => write!(out, "{at}  INFO tollgate::call: call"),
        LogFormat::Json => {
            write!(out, "{{\"timestamp\":\"{at}\",\"level\":\"INFO\",\"message\":\"call\"")
        }
    };
    let (before, after) = match format {
        LogFormat::Text => (" ", "="),
        LogFormat::Json => (",\"", "\":"),
    };
    fields(call, |name, value| {
        for part in [before, name, after] {
            out.push_str(part);
        }
        append(out, &value, format);
    });
    out.push_str(match format {
        LogFormat::Text => "\n",
        LogFormat::Json => ",\"target\":\"tollgate::call\"}\n",
    });
}

fn fields<'a>(call: &'a ClosedCall, mut field: impl FnMut(&'static str, Value<'a>)) {
    let receipt = &call.receipt;
    field("call", Value::Word(&receipt.call));
    field("account", Value::Word(&receipt.account));
    field("key", Value::Word(&receipt.key));
    field("dialect", Value::Text(receipt.dialect));
    field("stream", Value::Flag(receipt.stream));
    if !receipt.model_asked.is_empty() {
        field("model_asked", Value::Text(&receipt.model_asked));
    }
    let known = [
        ("model_served", receipt.model_served.as_deref()),
        ("provider", receipt.provider.as_deref()),
        ("inference_provider", receipt.inference_provider.as_deref()),
    ];
    known.into_iter().filter_map(|(name, text)| Some((name, Value::Text(text?)))).for_each(
        |(name, value)| {
            field(name, value);
        },
    );
    field("outcome", Value::Text(receipt.outcome.as_str()));
    field("rule", Value::Text(receipt.rule.as_str()));
    field("status", Value::Number(receipt.status.into()));
    if let Some(code) = &receipt.error_code {
        field("code", Value::Text(code));
    }
    field("attempts", Value::Number(receipt.attempts.into()));
    field("input_tokens", Value::Number(receipt.usage.input));
    field("cached_input_tokens", Value::Number(receipt.usage.cached_input));
    field("output_tokens", Value::Number(receipt.usage.output));
    field("charge", Value::Word(&call.charge));
    if !call.uncollected.is_zero() {
        field("uncollected", Value::Word(&call.uncollected));
    }
    if let Some(first_token_us) = receipt.first_token_us {
        field("first_token_ms", Value::Number(first_token_us / 1_000));
    }
    field("total_ms", Value::Number(receipt.total_us / 1_000));
}

fn append(out: &mut String, value: &Value<'_>, format: LogFormat) {
    let quote = match format {
        LogFormat::Text => "",
        LogFormat::Json => "\"",
    };
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Text(text) if is_plain(text) => {
            for part in [quote, text, quote] {
                out.push_str(part);
            }
            Ok(())
        }
        Value::Text(text) => write!(out, "{}", serde_json::Value::from(*text)),
        Value::Word(word) => write!(out, "{quote}{word}{quote}"),
        Value::Number(number) => write!(out, "{number}"),
        Value::Flag(flag) => write!(out, "{flag}"),
    };
}

/// Whether a text can stand in a line as it is: no space that would end it, no quote and no control character.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}
