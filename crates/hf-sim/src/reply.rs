//! A reply as a plan: decided in full by pure functions, then played to the client step by step.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use hyper::{Response, StatusCode};

use crate::playback::{Playback, ScriptedCut, Step};
use crate::record::Ticket;
use crate::state::State;

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) before: Before,
    pub(crate) steps: Vec<Step>,
    pub(crate) bill: Bill,
}

/// What happens before the status line.
pub(crate) enum Before {
    Nothing,
    Wait(Duration),
    /// Silence until what has this name is released.
    Held(String),
    Hang,
    /// The connection breaks without a reply.
    HangUp,
}

/// What the caller pays besides the output tokens, which are counted as they are sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bill {
    pub(crate) prompt_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) reasoning_tokens: u64,
}

impl Reply {
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::whole(status, "application/json", body.len(), vec![Step::Send(body, 0)])
    }

    /// A reply of known length, in bytes.
    pub(crate) fn whole(
        status: StatusCode,
        content_type: &'static str,
        length: usize,
        steps: Vec<Step>,
    ) -> Self {
        let reply = Self { status, ..Self::stream(content_type, steps) };
        reply.with(CONTENT_LENGTH, length.into())
    }

    /// A reply whose end is told by the chunked encoding.
    pub(crate) fn stream(content_type: &'static str, steps: Vec<Step>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Self { status: StatusCode::OK, headers, before: Before::Nothing, steps, bill: Bill::default() }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Waits, hangs or breaks as planned, then hands the rest to the server.
    pub(crate) async fn begin(
        self,
        state: &State,
        mut ticket: Ticket,
    ) -> Result<Response<Playback>, ScriptedCut> {
        match self.before {
            Before::Nothing => {}
            Before::Wait(time) => tokio::time::sleep(time).await,
            Before::Held(name) => state.released(&name).await,
            Before::Hang => std::future::pending().await,
            Before::HangUp => {
                ticket.complete();
                return Err(ScriptedCut);
            }
        }
        ticket.note_status(self.status.as_u16());
        ticket.bill(self.bill.prompt_tokens, self.bill.cached_tokens);
        let mut response = Response::new(Playback::new(self.steps, self.bill.reasoning_tokens, ticket));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }
}
