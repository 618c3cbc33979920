//! A connection that ends when its peer stops reading: a client that takes nothing must not keep its upstream, and
//! the place of its call, for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::idle::{Activity, Busy};

/// How long a peer may take nothing once its call has to end, which waits for it.
pub(crate) const STALL_MAX_AT_STOP: Duration = Duration::from_secs(1);

/// A connection whose writes fail with [`io::ErrorKind::TimedOut`] when none of them gets on for `stall_max`.
///
/// Any progress starts the time anew, so a slow reader is served as slowly as it reads. From the moment that `stop` is
/// cancelled, the time is at most [`STALL_MAX_AT_STOP`].
pub(crate) struct WriteDeadline<S> {
    inner: S,
    stall_max: Duration,
    stop: CancellationToken,
    /// Made at the first stall: most connections never have one.
    watch: Option<Watch>,
    activity: Arc<Activity>,
    /// A connection that has something to write is not idle.
    stalled: Option<Busy>,
}

/// What a stalled write waits for.
struct Watch {
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> WriteDeadline<S> {
    pub(crate) fn new(
        inner: S,
        stall_max: Duration,
        activity: Arc<Activity>,
        stop: CancellationToken,
    ) -> WriteDeadline<S> {
        WriteDeadline { inner, stall_max, stop, watch: None, activity, stalled: None }
    }

    /// Lets the result of a write pass, unless writes have been waiting for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let Watch { timer, stopped } = self.watch.get_or_insert_with(|| Watch {
            timer: Box::pin(sleep(self.stall_max)),
            stopped: Box::pin(self.stop.clone().cancelled_owned()),
        });
        let mut begins = self.stalled.is_none();
        if self.stall_max > STALL_MAX_AT_STOP && stopped.as_mut().poll(cx).is_ready() {
            self.stall_max = STALL_MAX_AT_STOP;
            begins = true;
        }
        if begins {
            self.stalled = Some(self.activity.begin());
            timer.as_mut().reset(Instant::now() + self.stall_max);
        }
        std::task::ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_does_not_read_ends_the_connection_at_the_deadline() {
        let (ours, _theirs) = duplex(16);
        let stall_max = Duration::from_millis(20);
        let mut ours = WriteDeadline::new(ours, stall_max, Activity::new(), CancellationToken::new());
        let started = Instant::now();
        let error = ours.write_all(&[0; 17]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= stall_max);
    }

    #[tokio::test]
    async fn a_stop_shortens_the_deadline_of_a_stall_that_has_begun() {
        let (ours, _theirs) = duplex(16);
        let stop = CancellationToken::new();
        let mut ours = WriteDeadline::new(ours, Duration::from_secs(3600), Activity::new(), stop.clone());
        let stalled = tokio::spawn(async move { ours.write_all(&[0; 17]).await });
        tokio::task::yield_now().await;
        assert!(!stalled.is_finished());
        let stopped = Instant::now();
        stop.cancel();
        let error = stalled.await.expect("no panic").expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(stopped.elapsed() >= STALL_MAX_AT_STOP);
    }

    #[tokio::test]
    async fn any_progress_starts_the_time_anew() {
        let (ours, mut theirs) = duplex(1);
        let stall_max = Duration::from_secs(3600);
        let mut ours = WriteDeadline::new(ours, stall_max, Activity::new(), CancellationToken::new());
        assert!(ours.write_all(b"ab").now_or_never().is_none() && ours.stalled.is_some());
        assert_eq!(theirs.read_u8().await.expect("a byte"), b'a');
        ours.write_u8(b'b').await.expect("there is room again");
        assert!(ours.stalled.is_none());
    }
}
