//! Replies to Anthropic's clients: their errors, and the headers that they read.
//!
//! Every step of a call says what it has to say in one way. Here, at the edge, that is told again in Anthropic's words,
//! so that no reply below the path of its API has another shape, whichever step it comes from.

use axum::body::Body;
use axum::response::Response;
use domain::{Standing, Window};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use wire::error::ErrorBody;
use wire::messages;

use crate::call_id::CALL_ID;
use crate::time::rfc3339;

/// The API's path. Everything below it belongs to it.
const PATH: &str = "/v1/messages";

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The names of one kind's headers: limit, remaining, reset.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];

/// Input and output together, as the gateway limits them.
const TOKENS: Names = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];

/// Whether a reply to `path` is for a client of Anthropic.
pub(super) fn answers(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Gives a reply, which must name its call, Anthropic's headers, and an error Anthropic's shape.
pub(super) fn dress(mut response: Response, now_ms: i64) -> Response {
    let call = response.headers().get(CALL_ID).cloned();
    if let Some(standing) = response.extensions_mut().remove::<Standing>() {
        set_rate_limits(response.headers_mut(), &standing, now_ms);
    }
    if let Some(error) = response.extensions_mut().remove::<ErrorBody>() {
        let id = call.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        let body = messages::error_body(response.status().as_u16(), &error, id);
        *response.body_mut() = Body::from(body);
    }
    if let Some(call) = call {
        response.headers_mut().insert("request-id", call);
    }
    response
}

/// Says where the rates stand; nothing of those that have no limit.
fn set_rate_limits(headers: &mut HeaderMap, standing: &Standing, now_ms: i64) {
    set(headers, &REQUESTS, standing.requests, now_ms);
    set(headers, &TOKENS, standing.tokens, now_ms);
}

fn set(headers: &mut HeaderMap, [limit, remaining, reset]: &Names, window: Option<Window>, now_ms: i64) {
    let Some(window) = window else { return };
    headers.insert(limit, HeaderValue::from(window.limit.burst()));
    headers.insert(remaining, HeaderValue::from(window.remaining));
    // Rounded up, so that who waits for it is not early.
    let wait_ms = i64::try_from(window.reset_ns.div_ceil(NANOS_PER_MILLI)).unwrap_or(i64::MAX);
    if let Ok(at) = HeaderValue::try_from(rfc3339(now_ms.saturating_add(wait_ms))) {
        headers.insert(reset, at);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::response::IntoResponse;
    use domain::{Limit, Standing, Window};
    use hyper::StatusCode;
    use hyper::header::HeaderValue;

    use super::{CALL_ID, answers, dress};
    use crate::error::ApiError;

    #[test]
    fn everything_below_the_path_is_anthropics() {
        for (path, is) in [
            ("/v1/messages", true),
            ("/v1/messages/", true),
            ("/v1/messages/count_tokens", true),
            ("/v1/messages/nothing", true),
            ("/v1/messagesx", false),
            ("/v1/chat/completions", false),
            ("/v1", false),
            ("/", false),
        ] {
            assert_eq!(answers(path), is, "{path}");
        }
    }

    #[tokio::test]
    async fn an_error_keeps_its_words_and_its_headers_and_changes_its_shape() {
        let error =
            ApiError::invalid(StatusCode::PAYMENT_REQUIRED, "out_of_credit", "No credit.").retry(false);
        let mut response = error.into_response();
        response.headers_mut().insert(CALL_ID, HeaderValue::from_static("call-1"));
        let dressed = dress(response, 0);
        assert_eq!(dressed.status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(dressed.headers()["request-id"], "call-1");
        assert_eq!(dressed.headers()["x-should-retry"], "false");
        assert_eq!(dressed.headers()["content-type"], "application/json");
        let body = to_bytes(dressed.into_body(), 1_000).await.unwrap();
        assert_eq!(
            body,
            r#"{"type":"error","error":{"type":"billing_error","message":"No credit."},"request_id":"call-1"}"#
        );
    }

    #[test]
    fn a_rate_is_free_again_at_a_time_of_day() {
        let mut response = "ok".into_response();
        response.headers_mut().insert(CALL_ID, HeaderValue::from_static("call-1"));
        let limit = Limit::new(60, 5).unwrap();
        let window = Window { limit, remaining: 3, reset_ns: 1_500_000_001 };
        response.extensions_mut().insert(Standing { requests: Some(window), tokens: None });
        let dressed = dress(response, 1_769_860_800_000);
        let told =
            |name: &str| dressed.headers()[format!("anthropic-ratelimit-requests-{name}")].to_str().unwrap();
        assert_eq!((told("limit"), told("remaining")), ("5", "3"));
        assert_eq!(told("reset"), "2026-01-31T12:00:01.501Z");
        assert!(dressed.headers().keys().all(|name| !name.as_str().contains("tokens")));
        assert_eq!(dressed.status(), StatusCode::OK);
    }
}
