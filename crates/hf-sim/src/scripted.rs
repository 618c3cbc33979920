//! Replies that a script asks for instead of, or around, the ordinary one.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::dialect::{Dialect, ErrorWords, Pair, error_body};
use crate::faults;
use crate::playback::Step;
use crate::reply::{Before, Reply};
use crate::script::Script;
use crate::vocabulary::Hang;

/// The error that the script asks for, if it asks for one.
pub(crate) fn refusal(script: &Script, dialect: &Dialect, pair: &Pair<'_>) -> Option<Reply> {
    // With `error_after`, the status is told inside the stream.
    let status = match script.status {
        Some(status) if script.error_after.is_none() => status,
        _ if script.ok_error => 500,
        _ => return None,
    };
    let words = ErrorWords::scripted(script, status, pair);
    let (content_type, body) = error_body(dialect, &words, script.body, pair);
    let sent =
        if script.ok_error { StatusCode::OK } else { StatusCode::from_u16(status).unwrap_or_default() };
    let length = body.len();
    let steps = faults::whole_steps(body.into(), 0, script, first_token(script, Duration::ZERO), 0);
    let mut reply = Reply::whole(sent, content_type, length, steps);
    if let Some(after) = &script.retry_after
        && let Ok(value) = HeaderValue::from_str(after)
    {
        reply.headers.insert(RETRY_AFTER, value);
    }
    Some(reply)
}

/// What the script changes about any reply: exhausted limits, delays and silences around the headers.
pub(crate) fn surround(mut reply: Reply, script: &Script) -> Reply {
    if script.ratelimit {
        rate_limits(&mut reply.headers, "0", "6s");
    }
    if let Some(wait) = script.headers_ms {
        reply.before = Before::Wait(Duration::from_millis(wait));
    }
    if let Some(name) = &script.held {
        reply.before = Before::Held(name.clone());
    }
    if script.hangup {
        reply.before = Before::HangUp;
    }
    match script.hang {
        Some(Hang::Headers) => reply.before = Before::Hang,
        Some(Hang::Body) => reply.steps = vec![Step::Hang],
        None => {}
    }
    reply
}

/// The wait before the first token, unless the script says otherwise.
pub(crate) fn first_token(script: &Script, otherwise: Duration) -> Duration {
    script.first_token_ms.map_or(otherwise, Duration::from_millis)
}

/// A provider's own rate-limit headers, which the router passes through.
pub(crate) fn rate_limits(headers: &mut HeaderMap, remaining: &'static str, reset: &'static str) {
    for (name, value) in [
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-limit-tokens", "18000"),
        ("x-ratelimit-remaining-requests", remaining),
        ("x-ratelimit-remaining-tokens", remaining),
        ("x-ratelimit-reset-requests", reset),
        ("x-ratelimit-reset-tokens", reset),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
