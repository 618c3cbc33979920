//! Replies that a provider makes of its own accord: an answer, an error, and the headers around both.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::answer::Answer;
use crate::dialect::{Dialect, ErrorWords, Frame, Pair, error_body, stream, whole};
use crate::faults;
use crate::reply::{Bill, Reply};
use crate::scripted;
use crate::state::State;
use crate::vocabulary::DialectName;

/// An answer, streamed or whole, with the faults that the frame's script asks for.
pub(crate) fn answer(
    state: &State,
    frame: &Frame<'_>,
    pair: &Pair<'_>,
    answer: &Answer,
    streamed: bool,
) -> Reply {
    let script = frame.script;
    let first = scripted::first_token(script, state.latency.first_token);
    let mut reply = if streamed {
        let gap = script.gap_ms.map_or(state.latency.gap, Duration::from_millis);
        let events = faults::bend(stream(frame, answer), script, frame.dialect, pair);
        Reply::stream(frame.dialect.content_type, faults::steps(events, script, first, gap, frame.hash))
    } else {
        let body = Bytes::from(faults::bend_whole(whole(frame, answer), script));
        let tokens = u32::try_from(frame.usage.completion_tokens).unwrap_or(u32::MAX);
        let length = body.len();
        let steps = faults::whole_steps(body, tokens, script, first, frame.hash);
        Reply::whole(StatusCode::OK, "application/json", length, steps)
    };
    reply.bill = Bill {
        prompt_tokens: frame.usage.prompt_tokens,
        cached_tokens: frame.usage.cached_tokens,
        reasoning_tokens: frame.usage.reasoning_tokens,
    };
    reply
}

/// An error of the provider's own, in its shape.
pub(crate) fn refusal(dialect: &Dialect, status: u16, message: String, code: &str) -> Reply {
    let words = ErrorWords { status, message, code: code.to_owned() };
    let (_, body) = error_body(dialect, &words, None, &Pair { model: "", provider: "" });
    Reply::json(StatusCode::from_u16(status).unwrap_or_default(), body)
}

/// The refusal of a prompt of so many `tokens` where no more than `limit` fit. `what` names it.
pub(crate) fn too_long(dialect: &Dialect, limit: Option<u64>, what: &str, tokens: u64) -> Option<Reply> {
    let limit = limit.filter(|limit| tokens > *limit)?;
    let message = format!(
        "This model's maximum context length is {limit} tokens. However, your {what} resulted in {tokens} tokens."
    );
    Some(refusal(dialect, 400, message, "context_length_exceeded"))
}

/// The headers that the router and the provider add to whatever the provider says.
pub(crate) fn surround(mut reply: Reply, dialect: &Dialect, provider_id: &str) -> Reply {
    if let Ok(name) = HeaderValue::from_str(provider_id) {
        reply = reply.with(HeaderName::from_static("x-inference-provider"), name);
    }
    match dialect.name {
        DialectName::Groq => scripted::rate_limits(&mut reply.headers, "14370", "2m59.56s"),
        DialectName::Tgi => {
            let kind = HeaderValue::from_static("cpu+optimized");
            reply = reply.with(HeaderName::from_static("x-compute-type"), kind);
        }
        _ => {}
    }
    reply
}
