//! A connection that lets its client finish what it sends before it closes. A server that closes while bytes are on
//! their way makes the kernel reset the connection: then a client that is still sending sees "connection reset" in
//! the place of the error that it was told, a wrong key or a body too large.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may go on sending what nobody reads: long enough for a body of the default limit at 6 Mbit/s.
const LINGER_MAX: Duration = Duration::from_secs(30);

/// The most that is taken of it: three bodies of the default limit. More is no client's mistake.
const LINGER_BYTES_MAX: usize = 64 << 20;

/// How long it may be silent. A client that has stopped sending has nothing to lose.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// When a body of the last request on a connection was left before its end. Clones tell of the same connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Mutex<Option<Instant>>>);

/// A body of a request that tells when it is dropped before its end.
pub(crate) struct WatchedBody<B: Body> {
    body: B,
    ended: bool,
    unread: Unread,
}

/// A connection that, when it is to close and a body on it is [`Unread`], says so to its peer and then takes what the
/// peer still sends, to nowhere: until the peer closes it too, is silent, or has sent far too much for far too long.
pub(crate) struct Lingering<S> {
    inner: S,
    unread: Unread,
    /// Set once the peer was told.
    rest: Option<Rest>,
}

/// What a peer may still do.
struct Rest {
    timer: Pin<Box<Sleep>>,
    until: Instant,
    bytes: usize,
}

impl Unread {
    /// The body of the next request. That there is one says that the last body was taken off the connection.
    pub(crate) fn watch<B: Body>(&self, body: B) -> WatchedBody<B> {
        self.set(None);
        WatchedBody { body, ended: false, unread: self.clone() }
    }

    fn set(&self, left_at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left_at;
    }

    fn left_at(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body + Unpin> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.unread.set(Some(Instant::now()));
        }
    }
}

impl<S> Lingering<S> {
    pub(crate) fn new(inner: S, unread: Unread) -> Lingering<S> {
        Lingering { inner, unread, rest: None }
    }
}

impl Rest {
    /// From the moment at which the peer was last known to be sending. `None` when that is too long ago.
    fn from(left_at: Instant) -> Option<Rest> {
        let (now, silent_until) = (Instant::now(), left_at + SILENCE_MAX);
        let timer = || Box::pin(sleep_until(silent_until));
        (now < silent_until).then(|| Rest {
            timer: timer(),
            until: now + LINGER_MAX,
            bytes: LINGER_BYTES_MAX,
        })
    }

    /// Takes what there is. Ready when there is nothing more to wait for.
    fn poll<S: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, peer: &mut S) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_pending() {
            let mut nowhere = [0; 16 << 10];
            let mut taken = ReadBuf::new(&mut nowhere);
            // A peer that resets the connection has heard all that it wants to hear.
            let gone = ready!(Pin::new(&mut *peer).poll_read(cx, &mut taken)).is_err();
            self.bytes = self.bytes.saturating_sub(taken.filled().len());
            if gone || taken.filled().is_empty() || self.bytes == 0 {
                break;
            }
            self.timer.as_mut().reset(self.until.min(Instant::now() + SILENCE_MAX));
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Lingering { inner, unread, rest } = &mut *self;
        if rest.is_none() {
            ready!(Pin::new(&mut *inner).poll_shutdown(cx))?;
            *rest = unread.left_at().and_then(Rest::from);
        }
        rest.as_mut().map_or(Poll::Ready(Ok(())), |rest| rest.poll(cx, inner).map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{advance, sleep};

    use super::*;

    fn body() -> Full<Bytes> {
        Full::new(Bytes::from_static(b"a body"))
    }

    fn unread() -> Unread {
        let unread = Unread::default();
        drop(unread.watch(body()));
        unread
    }

    /// A connection on which more is on its way than it takes at once.
    fn connection(unread: Unread) -> (Lingering<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 10);
        (Lingering::new(ours, unread), theirs)
    }

    /// For how many seconds a connection lingers whose peer sends so many bytes in each.
    async fn lingers(unread: Unread, bytes_per_s: usize) -> u64 {
        let (mut ours, mut theirs) = connection(unread);
        let sending = tokio::spawn(async move {
            while bytes_per_s > 0 && theirs.write_all(&vec![7; bytes_per_s]).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
            theirs
        });
        let begun = Instant::now();
        ours.shutdown().await.expect("closed");
        let took = begun.elapsed();
        drop(ours);
        drop(sending.await);
        took.as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_is_taken_and_the_peer_hears_the_end_first() {
        let (mut ours, mut theirs) = connection(unread());
        let sent = tokio::spawn(async move {
            let mut told = String::new();
            theirs.read_to_string(&mut told).await.expect("the end of the answer");
            theirs.write_all(&[7; 100_000]).await.expect("all is taken");
            told
        });
        ours.write_all(b"413").await.expect("written");
        ours.shutdown().await.expect("closed");
        assert_eq!(sent.await.expect("no panic"), "413");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_where_nothing_was_left_unread() {
        let unread = Unread::default();
        unread.watch(body()).collect().await.expect("all of it");
        assert_eq!(lingers(unread.clone(), 0).await, 0);
        drop(unread.watch(Full::new(Bytes::new())));
        assert_eq!(lingers(unread.clone(), 0).await, 0);
        // One that was, and then another request on the same connection.
        drop(unread.watch(body()));
        unread.watch(body()).collect().await.expect("all of it");
        assert_eq!(lingers(unread, 0).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_without_end() {
        assert_eq!(lingers(unread(), 0).await, SILENCE_MAX.as_secs());
        assert_eq!(lingers(unread(), 1).await, LINGER_MAX.as_secs());
        let much = LINGER_BYTES_MAX / 4;
        assert_eq!(lingers(unread(), much).await, 3, "the fourth fills it");
        let long_ago = unread();
        advance(SILENCE_MAX).await;
        assert_eq!(lingers(long_ago, 1).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_leaves_ends_it() {
        let (mut ours, theirs) = connection(unread());
        drop(theirs);
        assert!(ours.shutdown().now_or_never().is_some());
    }
}
