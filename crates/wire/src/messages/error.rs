//! Errors in Anthropic's shape.

use bytes::Bytes;

use crate::error::ErrorBody;
use crate::json;

/// An error as Anthropic writes it: `{"type":"error","error":{"type":…,"message":…},"request_id":…}`. Its type follows
/// from the status, so that clients of Anthropic, which look at both, are told one thing.
#[must_use]
pub fn error_body(status: u16, error: &ErrorBody, request_id: &str) -> Bytes {
    let mut out = Vec::new();
    write(&mut out, kind_of_status(status), &error.message, request_id);
    out.into()
}

/// Appends the error of a stream, which has begun with status 200: its type follows from what went wrong.
pub(super) fn write_in_stream(out: &mut Vec<u8>, error: &ErrorBody, request_id: &str) {
    write(out, kind_in_stream(error), &error.message, request_id);
}

fn write(out: &mut Vec<u8>, kind: &str, message: &str, request_id: &str) {
    out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"message\":");
    json::write_string(out, message);
    out.extend_from_slice(b"},\"request_id\":");
    json::write_string(out, request_id);
    out.push(b'}');
}

fn kind_of_status(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn kind_in_stream(error: &ErrorBody) -> &'static str {
    match (error.kind, error.code.as_deref()) {
        (_, Some("upstream_timeout")) => "timeout_error",
        (_, Some("overloaded" | "shutting_down" | "upstream_unavailable")) => "overloaded_error",
        ("insufficient_quota", _) => "billing_error",
        ("rate_limit_error", _) => "rate_limit_error",
        ("invalid_request_error", _) => "invalid_request_error",
        ("permission_error", _) => "permission_error",
        _ => "api_error",
    }
}
