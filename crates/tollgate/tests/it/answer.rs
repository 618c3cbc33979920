//! What a client sees of a chat call, whether it is a whole answer, a stream or an error.

use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;

use crate::client::{Reply, Stream, Told};

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) call: String,
    pub(crate) status: u16,
    /// The answer is whole, or its stream has an end mark.
    pub(crate) complete: bool,
    /// `error.code`, of the body or of an event.
    pub(crate) code: Option<String>,
    /// `error.message`.
    pub(crate) message: String,
    /// The header `x-should-retry`.
    pub(crate) should_retry: String,
    /// Bytes of generated text.
    pub(crate) seen_bytes: u64,
}

impl Answer {
    pub(crate) async fn read(response: Response<Incoming>) -> Answer {
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        if kind.starts_with("text/event-stream") {
            let stream = Stream::of(response);
            let (call, status) = (stream.call_id(), stream.status.as_u16());
            Answer::of_stream(call, status, &stream.rest().await)
        } else {
            Answer::of_reply(&Reply::read(response).await)
        }
    }

    fn of_reply(reply: &Reply) -> Answer {
        let json = reply.json();
        let choice = &json["choices"][0];
        Answer {
            call: reply.call_id(),
            status: reply.status.as_u16(),
            complete: choice["finish_reason"].is_string(),
            code: text(&json["error"]["code"]),
            message: text(&json["error"]["message"]).unwrap_or_default(),
            should_retry: reply.header("x-should-retry").to_owned(),
            seen_bytes: seen(&choice["message"]),
        }
    }

    fn of_stream(call: String, status: u16, told: &Told) -> Answer {
        let error = told.error().unwrap_or(&Value::Null);
        Answer {
            call,
            status,
            complete: told.done,
            code: text(&error["code"]),
            message: text(&error["message"]).unwrap_or_default(),
            should_retry: String::new(),
            seen_bytes: told.events.iter().map(|event| seen(&event["choices"][0]["delta"])).sum(),
        }
    }
}

/// Bytes of the generated text in a message or a delta.
pub(crate) fn seen(message: &Value) -> u64 {
    ["content", "reasoning"].iter().map(|name| message[*name].as_str().unwrap_or_default().len() as u64).sum()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
