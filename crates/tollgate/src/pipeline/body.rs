//! Step 7, second half, and step 8 for streams: the response body, which relays, settles before its last frame, and
//! hands itself over to be drained when the client leaves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use domain::{Money, Outcome};
use hyper::body::{Body, Frame};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wire::pivot::Telling;
use wire::sse;

use super::closed::Settling;
use super::drain::drain;
use super::head::{EVENT_STREAM, Head};
use super::last_frame::{error_event, last_frame};
use super::record::Record;
use super::relay::{Relay, Turn};
use super::stopped;
use crate::error::{ApiError, Failure};
use crate::gateway::Gateway;

/// The answer of a call's task.
pub(super) enum Reply {
    /// A whole answer, settled.
    Whole { body: Bytes, cost: Option<Money>, head: Head },
    /// A stream, which settles itself.
    Stream { body: MeteredBody, head: Head },
    /// An error. `telling` tells it inside a stream that has begun, in a dialect that is not chat.
    Error { error: ApiError, telling: Option<Box<Telling>>, head: Head },
}

/// The body of a streamed response.
pub(super) struct MeteredBody {
    state: State,
    keep_alive: Duration,
    /// Cancelled when the gateway stops, which ends what is left of a stream whose client has left.
    stop: CancellationToken,
    /// Ready when the call is to end.
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// A stream in progress and its record.
struct Open {
    relay: Relay,
    record: Box<Record>,
}

enum State {
    /// The upstream has not answered yet, and the client gets comments meanwhile.
    Waiting { answer: oneshot::Receiver<Reply>, tick: Pin<Box<Sleep>> },
    /// Events are relayed.
    Open(Box<Open>),
    /// The stream has ended and its charge is being committed: the last frame waits for it.
    Settling(Box<Last>),
    /// The last frame has left.
    Done,
}

/// What the last frame needs.
struct Last {
    relay: Relay,
    settling: Settling,
    /// The frame, if the settlement is committed in time or does not matter.
    frame: Bytes,
    complete: bool,
}

impl MeteredBody {
    /// The body of a stream that has begun.
    pub(super) fn open(relay: Relay, record: Box<Record>, gateway: &Gateway) -> MeteredBody {
        let ends = record.stop().clone();
        MeteredBody::new(State::Open(Box::new(Open { relay, record })), ends, gateway)
    }

    /// The body of a stream whose call is still being attempted.
    pub(super) fn waiting(answer: oneshot::Receiver<Reply>, gateway: &Gateway) -> MeteredBody {
        // The first comment leaves at once: the keep-alive interval has just passed.
        let tick = Box::pin(sleep(Duration::ZERO));
        MeteredBody::new(State::Waiting { answer, tick }, gateway.stop.clone(), gateway)
    }

    fn new(state: State, ends: CancellationToken, gateway: &Gateway) -> MeteredBody {
        let (stop, stopped) = (gateway.stop.clone(), Box::pin(ends.cancelled_owned()));
        MeteredBody { state, keep_alive: gateway.config.server.keep_alive, stop, stopped }
    }

    /// Waits for the attempt. Its result takes this body's place; an error becomes an event, since 200 has left.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let State::Waiting { answer, tick } = &mut self.state else { return Poll::Ready(None) };
        if let Poll::Ready(reply) = Pin::new(answer).poll(cx) {
            return match reply {
                Ok(Reply::Stream { mut body, .. }) => {
                    std::mem::swap(&mut self.state, &mut body.state);
                    std::mem::swap(&mut self.stopped, &mut body.stopped);
                    self.poll_bytes(cx)
                }
                Ok(Reply::Error { error, telling, .. }) => self.end_with(&error, telling),
                Ok(Reply::Whole { .. }) | Err(_) => self.end_with(&ApiError::from(&Failure::Cut), None),
            };
        }
        ready!(tick.as_mut().poll(cx));
        tick.as_mut().reset(Instant::now() + self.keep_alive);
        // The timer was moved after it fired, so it has to be asked again to be heard.
        let _ = tick.as_mut().poll(cx);
        Poll::Ready(Some(Bytes::from_static(sse::KEEP_ALIVE)))
    }

    fn end_with(&mut self, error: &ApiError, telling: Option<Box<Telling>>) -> Poll<Option<Bytes>> {
        self.state = State::Done;
        let told = telling.filter(|telling| telling.writes()).map(|mut telling| telling.fail(&error.body));
        Poll::Ready(Some(told.unwrap_or_else(|| sse::frame(&error.body.render()))))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let State::Open(open) = &mut self.state else { return Poll::Ready(None) };
        let result = if self.stopped.as_mut().poll(cx).is_ready() {
            Err(stopped(&self.stop))
        } else {
            match ready!(open.relay.poll_turn(cx)) {
                Turn::Frame(frame) => {
                    open.record.relays(&frame);
                    if open.relay.chat.tally().relayed_bytes > 0 {
                        open.record.first_token();
                    }
                    return Poll::Ready(Some(frame));
                }
                Turn::End(result) => result,
            }
        };
        let State::Open(open) = std::mem::replace(&mut self.state, State::Done) else {
            return Poll::Ready(None);
        };
        self.state = State::Settling(Box::new(Last::new(*open, &result)));
        self.poll_last(cx)
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let State::Settling(last) = &mut self.state else { return Poll::Ready(None) };
        last.relay.poll_leftover(cx);
        let charged = ready!(last.settling.as_mut().poll(cx));
        let frame = match charged {
            None if last.complete => error_event(&mut last.relay, &Failure::Unsettled),
            _ => last.frame.clone(),
        };
        self.state = State::Done;
        Poll::Ready(Some(frame))
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            State::Waiting { .. } => self.poll_waiting(cx),
            State::Open(_) => self.poll_open(cx),
            State::Settling(_) => self.poll_last(cx),
            State::Done => Poll::Ready(None),
        }
    }
}

impl Last {
    /// Closes the record, which sends the settlement on its way.
    fn new(open: Open, result: &Result<(), Failure>) -> Last {
        let Open { mut relay, record } = open;
        let mut closed = match result {
            Ok(()) => record.finish(Outcome::Complete, relay.chat.tally()),
            Err(failure) => record.fail(failure, Some(relay.chat.tally())),
        };
        let frame = last_frame(&mut relay, &mut closed, result);
        let complete = result.is_ok();
        Last { relay, settling: closed.settle_keeping(EVENT_STREAM, &frame, complete), frame, complete }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = ready!(self.poll_bytes(cx));
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

/// A body that is dropped in mid-stream has lost its client. What is left is handed over, not accounted for here.
impl Drop for MeteredBody {
    fn drop(&mut self) {
        if let State::Open(open) = std::mem::replace(&mut self.state, State::Done)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let Open { relay, record } = *open;
            runtime.spawn(drain(relay, record, self.stop.clone()));
        }
    }
}
