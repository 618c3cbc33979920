//! Step 7, first half: the upstream's stream, event by event, with its deadlines.
//!
//! Nothing is buffered beyond one event: the next one is read when the client has taken the last.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use wire::chat::{ChatStream, End, Step};
use wire::pivot::Telling;
use wire::sse::{self, Decoder};

use crate::error::Failure;
use crate::upstream::{ResponseBody, Secrets, SendError, Upstream};

/// What is read after the end mark at one go: only the end of the body belongs there.
const LEFTOVER_FRAMES_MAX: usize = 4;

/// An upstream's stream on its way to a client.
pub(super) struct Relay {
    body: ResponseBody,
    decoder: Decoder,
    /// What was translated and counted so far.
    pub(super) chat: ChatStream,
    /// What tells it in another dialect, or collects it for the store; `None` where it only passes.
    pub(super) telling: Option<Box<Telling>>,
    first: Option<Bytes>,
    body_ended: bool,
    /// Whether bytes have come that were no event for the client: comments are a sign of life too.
    stirred: bool,
    deadlines: Deadlines,
    secrets: Secrets,
}

/// One step of a relay.
pub(super) enum Turn {
    /// Bytes for the client.
    Frame(Bytes),
    /// The stream is over.
    End(Result<(), Failure>),
}

impl Relay {
    pub(super) fn new(
        body: ResponseBody,
        event_bytes_max: usize,
        chat: ChatStream,
        telling: Option<Box<Telling>>,
        upstream: &Upstream,
        keep_alive: Duration,
        deadline: Instant,
    ) -> Relay {
        Relay {
            body,
            decoder: Decoder::new(event_bytes_max),
            chat,
            telling,
            first: None,
            body_ended: false,
            stirred: false,
            deadlines: Deadlines::new(upstream.config.timeouts.idle, keep_alive, deadline),
            secrets: upstream.secrets.clone(),
        }
    }

    /// Waits for the first event that the client is to see, and keeps it.
    pub(super) async fn read_first(&mut self, deadline: Duration) -> Result<(), Failure> {
        let silent = || Failure::Send(SendError::Timeout(deadline));
        let first = timeout(deadline, poll_fn(|cx| self.poll_upstream(cx))).await.map_err(|_| silent())?;
        match first {
            Turn::Frame(frame) => {
                self.first = Some(frame);
                self.deadlines.heard();
                Ok(())
            }
            Turn::End(Err(failure)) => Err(failure),
            Turn::End(Ok(())) => Err(Failure::Malformed("the stream has no content".to_owned())),
        }
    }

    /// The next thing to do, with keep-alive comments while the upstream is slow.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Turn::Frame(first));
        }
        // Before the next event is taken: what is counted is what the client gets.
        if self.deadlines.over() {
            return Poll::Ready(Turn::End(Err(Failure::Timeout)));
        }
        match self.poll_upstream(cx) {
            Poll::Ready(turn) => {
                self.deadlines.heard();
                Poll::Ready(turn)
            }
            Poll::Pending => {
                if std::mem::take(&mut self.stirred) {
                    self.deadlines.heard = Instant::now();
                }
                let keep_alive =
                    self.telling.as_ref().map_or(sse::KEEP_ALIVE, |telling| telling.keep_alive());
                self.deadlines.poll(cx, keep_alive)
            }
        }
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            let event = match self.decoder.next_event() {
                Ok(None) if self.body_ended => self.decoder.finish(),
                event => event,
            };
            match event {
                Err(error) => return Poll::Ready(Turn::End(Err(Failure::Malformed(error.to_string())))),
                Ok(Some(event)) => {
                    if let Some(turn) = self.translate(event.data) {
                        return Poll::Ready(turn);
                    }
                }
                Ok(None) if self.body_ended => return Poll::Ready(Turn::End(self.end())),
                Ok(None) => std::task::ready!(self.poll_body(cx)),
            }
        }
    }

    fn translate(&mut self, data: Bytes) -> Option<Turn> {
        let told = self.telling.is_some().then(|| data.clone());
        match self.chat.event(data) {
            Step::Forward(frame) => self.tell(told, frame),
            Step::Skip => None,
            Step::Done => Some(Turn::End(self.end())),
            Step::Error(error) => Some(Turn::End(Err(Failure::InBand(self.secrets.hide(error))))),
            Step::Malformed => {
                let why = "an event of the stream is not JSON".to_owned();
                Some(Turn::End(Err(Failure::Malformed(why))))
            }
        }
    }

    /// What the client is to see of an event that an upstream sent as `frame`: that frame, or what its dialect makes of
    /// the data, which may be nothing.
    fn tell(&mut self, data: Option<Bytes>, frame: Bytes) -> Option<Turn> {
        let (Some(telling), Some(data)) = (&mut self.telling, data) else { return Some(Turn::Frame(frame)) };
        let told = telling.chunk(&data);
        if let Some(excess) = telling.excess() {
            return Some(Turn::End(Err(Failure::Malformed(excess.to_owned()))));
        }
        let frame = if telling.writes() { told } else { frame };
        (!frame.is_empty()).then_some(Turn::Frame(frame))
    }

    /// Feeds the decoder. A broken connection is an end like any other: whether the answer was complete is decided
    /// by what it said, not by how it stopped.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.decoder.feed(data);
                    self.stirred = true;
                }
            }
            Some(Err(_)) | None => self.body_ended = true,
        }
        Poll::Ready(())
    }

    /// Reads what may follow the end mark, so that the connection is at its end and can serve another call.
    pub(super) fn poll_leftover(&mut self, cx: &mut Context<'_>) {
        for _ in 0..LEFTOVER_FRAMES_MAX {
            if self.body_ended {
                return;
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => self.body_ended = true,
                Poll::Pending => return,
            }
        }
    }

    fn end(&self) -> Result<(), Failure> {
        match self.chat.end() {
            End::Complete => Ok(()),
            End::Cut => Err(Failure::Cut),
        }
    }
}

/// The clocks of a stream: silence of the upstream, silence towards the client, and the end of it all.
struct Deadlines {
    idle: Duration,
    keep_alive: Duration,
    total: Instant,
    /// When the upstream last said something.
    heard: Instant,
    /// When the client last got something.
    sent: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadlines {
    fn new(idle: Duration, keep_alive: Duration, total: Instant) -> Deadlines {
        let now = Instant::now();
        let timer = Box::pin(sleep_until(total.min(now + keep_alive.min(idle))));
        Deadlines { idle, keep_alive, total, heard: now, sent: now, timer }
    }

    /// Whether all the time there was has passed.
    fn over(&self) -> bool {
        Instant::now() >= self.total
    }

    /// Notes a sign of life. The timer is left alone: it is set anew when it fires, which is cheaper than at every
    /// event.
    fn heard(&mut self) {
        let now = Instant::now();
        self.heard = now;
        self.sent = now;
    }

    fn poll(&mut self, cx: &mut Context<'_>, keep_alive: &'static [u8]) -> Poll<Turn> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now >= self.total {
                return Poll::Ready(Turn::End(Err(Failure::Timeout)));
            }
            if now >= self.heard + self.idle {
                return Poll::Ready(Turn::End(Err(Failure::Stall)));
            }
            let due = now >= self.sent + self.keep_alive;
            if due {
                self.sent = now;
            }
            let next = (self.heard + self.idle).min(self.sent + self.keep_alive).min(self.total);
            self.timer.as_mut().reset(next);
            if due {
                return Poll::Ready(Turn::Frame(Bytes::from_static(keep_alive)));
            }
        }
        Poll::Pending
    }
}
