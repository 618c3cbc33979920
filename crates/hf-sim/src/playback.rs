//! Plays a reply's steps as a response body: one write per step, waits, silences, and breaks.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use crate::record::Ticket;

/// One step of a reply.
pub(crate) enum Step {
    /// One write: these bytes, which carry this many output tokens.
    Send(Bytes, u32),
    Wait(Duration),
    /// Silence with the connection open.
    Hang,
    /// The connection breaks.
    Cut,
}

pub(crate) struct Playback {
    steps: std::vec::IntoIter<Step>,
    pace: Pace,
    sleep: Option<Pin<Box<Sleep>>>,
    reasoning_max: u64,
    ticket: Ticket,
}

enum Pace {
    Ready,
    /// Bytes were handed over; the server must write them out before it gets more.
    Flush,
    Asleep,
}

/// A break that a script asked for; the server closes the connection without a proper end.
#[derive(Debug, thiserror::Error)]
#[error("the script cuts the connection here")]
pub(crate) struct ScriptedCut;

impl Playback {
    pub(crate) fn new(steps: Vec<Step>, reasoning_max: u64, mut ticket: Ticket) -> Self {
        if steps.is_empty() {
            ticket.complete();
        }
        Self { steps: steps.into_iter(), pace: Pace::Ready, sleep: None, reasoning_max, ticket }
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = ScriptedCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ScriptedCut>>> {
        let this = self.get_mut();
        loop {
            match this.pace {
                Pace::Ready => {}
                Pace::Flush => {
                    this.pace = Pace::Ready;
                    // The server flushes whenever the body has nothing for it.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Pace::Asleep => {
                    if let Some(sleep) = &mut this.sleep {
                        std::task::ready!(sleep.as_mut().poll(cx));
                    }
                    this.pace = Pace::Ready;
                }
            }
            // A silence has no end, so it is never taken off.
            if let Some(Step::Hang) = this.steps.as_slice().first() {
                return Poll::Pending;
            }
            match this.steps.next() {
                Some(Step::Send(bytes, tokens)) => {
                    this.ticket.bill_output(tokens.into(), this.reasoning_max);
                    match this.steps.as_slice().first() {
                        None => this.ticket.complete(),
                        Some(Step::Send(..) | Step::Cut) => this.pace = Pace::Flush,
                        // A wait or a silence makes the server flush by itself.
                        Some(Step::Wait(_) | Step::Hang) => {}
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(time)) => {
                    let until = Instant::now() + time;
                    match &mut this.sleep {
                        Some(sleep) => sleep.as_mut().reset(until),
                        None => this.sleep = Some(Box::pin(tokio::time::sleep_until(until))),
                    }
                    this.pace = Pace::Asleep;
                }
                Some(Step::Cut) => {
                    this.ticket.complete();
                    return Poll::Ready(Some(Err(ScriptedCut)));
                }
                Some(Step::Hang) | None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.as_slice().is_empty()
    }
}
