//! Streams over HTTP/2, where a client can stop taking one stream of a connection that flows otherwise. The write
//! deadline of the connection does not see that, so each stream has one of its own here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::write_deadline::STALL_MAX_AT_STOP;

/// Frames that wait for the client. One is enough, since the next one is made meanwhile.
const FRAMES_MAX: usize = 1;

/// `body`, given up when the client takes none of it for `stall_max`, or for a moment once `stop` is cancelled. What is
/// given up is dropped, as when the client leaves, and the stream ends with an error.
pub(super) fn bounded(body: Body, stall_max: Duration, stop: CancellationToken) -> Body {
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    tokio::spawn(pump(body, sender, stall_max, stop));
    Body::new(Bounded { frames, ended: false })
}

/// A frame, or the proper end.
type Piece = Option<Bytes>;

async fn pump(mut body: Body, sender: mpsc::Sender<Piece>, stall_max: Duration, stop: CancellationToken) {
    loop {
        let piece = tokio::select! {
            frame = body.frame() => match frame {
                Some(Ok(frame)) => frame.into_data().ok(),
                Some(Err(_)) => return,
                None => None,
            },
            () = sender.closed() => return,
        };
        let ended = piece.is_none();
        let taken = tokio::select! {
            biased;
            taken = timeout(stall_max, sender.send(piece)) => matches!(taken, Ok(Ok(()))),
            () = shortly_after(&stop) => false,
        };
        if ended || !taken {
            return;
        }
    }
}

async fn shortly_after(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(STALL_MAX_AT_STOP).await;
}

/// The client's side of the queue.
struct Bounded {
    frames: mpsc::Receiver<Piece>,
    ended: bool,
}

impl hyper::body::Body for Bounded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let received = ready!(self.frames.poll_recv(cx));
        self.ended = !matches!(received, Some(Some(_)));
        Poll::Ready(match received {
            Some(Some(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(None) => None,
            // A stream that was given up must not look like one that has ended.
            None => Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read"))),
        })
    }
}
