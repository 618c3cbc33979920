//! A connection that lets its client finish what it sends before it closes. A server that closes while bytes are on
//! their way makes the kernel reset the connection: then a client that is still sending sees "connection reset" in
//! the place of the error that it was told, a wrong key or a body too large.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may go on sending what nobody reads: long enough for a body of the default limit at 6 Mbit/s.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(30);

/// Whether a request of a connection was answered before all of its body was read. Clones tell of the same connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

/// A body of a request that tells when it is dropped before its end.
pub(crate) struct WatchedBody<B: Body> {
    body: B,
    ended: bool,
    unread: Unread,
}

/// A connection that, when it is to close and a body on it is [`Unread`], says so to its peer and then takes what the
/// peer still sends, to nowhere: until the peer closes it too, or for `linger_max`.
pub(crate) struct Lingering<S> {
    inner: S,
    linger_max: Duration,
    unread: Unread,
    /// Set once the peer was told.
    until: Option<Pin<Box<Sleep>>>,
}

impl Unread {
    pub(crate) fn watch<B: Body>(&self, body: B) -> WatchedBody<B> {
        WatchedBody { body, ended: false, unread: self.clone() }
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
            self.unread.0.store(true, Ordering::Relaxed);
        }
    }
}

impl<S> Lingering<S> {
    pub(crate) fn new(inner: S, linger_max: Duration, unread: Unread) -> Lingering<S> {
        Lingering { inner, linger_max, unread, until: None }
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
        let Lingering { inner, linger_max, unread, until } = &mut *self;
        if until.is_none() {
            ready!(Pin::new(&mut *inner).poll_shutdown(cx))?;
            if !unread.0.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let until = until.get_or_insert_with(|| Box::pin(sleep(*linger_max)));
        while until.as_mut().poll(cx).is_pending() {
            let mut nowhere = [0; 16 << 10];
            let mut taken = ReadBuf::new(&mut nowhere);
            // A peer that resets the connection has heard all that it wants to hear.
            let gone = ready!(Pin::new(&mut *inner).poll_read(cx, &mut taken)).is_err();
            if gone || taken.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::yield_now;
    use tokio::time::Instant;

    use super::*;

    fn unread() -> Unread {
        let unread = Unread::default();
        drop(unread.watch(Full::new(Bytes::from_static(b"a body"))));
        unread
    }

    /// A connection on which more is on its way than it takes at once.
    fn connection(linger_max: Duration, unread: Unread) -> (Lingering<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(4);
        (Lingering::new(ours, linger_max, unread), theirs)
    }

    #[tokio::test]
    async fn a_body_that_is_read_to_its_end_or_has_nothing_is_not_unread() {
        let unread = Unread::default();
        unread.watch(Full::new(Bytes::from_static(b"a body"))).collect().await.expect("all of it");
        drop(unread.watch(Full::new(Bytes::new())));
        let (mut ours, _theirs) = connection(LINGER_MAX, unread);
        assert!(ours.shutdown().now_or_never().is_some(), "it waits for nobody");
    }

    #[tokio::test]
    async fn what_is_on_its_way_is_taken_and_the_peer_hears_the_end_first() {
        let (mut ours, mut theirs) = connection(LINGER_MAX, unread());
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

    #[tokio::test]
    async fn a_peer_that_does_not_close_is_not_waited_for_for_ever() {
        let linger_max = Duration::from_millis(20);
        for sends in [false, true] {
            let (mut ours, mut theirs) = connection(linger_max, unread());
            let sending = tokio::spawn(async move {
                while sends && theirs.write_all(b"more").await.is_ok() {
                    yield_now().await;
                }
                theirs
            });
            let begun = Instant::now();
            ours.shutdown().await.expect("closed");
            assert!(begun.elapsed() >= linger_max, "sends: {sends}");
            drop(ours);
            drop(sending.await);
        }
    }
}
