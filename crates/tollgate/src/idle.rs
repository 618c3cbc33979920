//! What happens on a connection, so that one on which nothing does can be closed: a silent peer must not keep its
//! place for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep};

/// What is in progress on one connection, and when the last of it ended.
#[derive(Debug)]
pub(crate) struct Activity {
    begun: Instant,
    in_progress: AtomicUsize,
    /// Milliseconds after `begun`.
    last_end: AtomicU64,
}

/// Something in progress on a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

/// A body that keeps its connection busy.
pub(crate) struct BusyBody<B> {
    body: B,
    _busy: Busy,
}

impl Activity {
    pub(crate) fn new() -> Arc<Activity> {
        let (in_progress, last_end) = (AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(Activity { begun: Instant::now(), in_progress, last_end })
    }

    /// Something begins.
    pub(crate) fn begin(self: &Arc<Activity>) -> Busy {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Counts as activity.
    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_end.store(millis, Ordering::Relaxed);
    }

    /// Ready when nothing has been in progress for as long as `limit`.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        loop {
            let idle = if self.in_progress.load(Ordering::Relaxed) > 0 {
                Duration::ZERO
            } else {
                let last_end = Duration::from_millis(self.last_end.load(Ordering::Relaxed));
                self.begun.elapsed().saturating_sub(last_end)
            };
            if idle >= limit {
                return;
            }
            sleep(limit.saturating_sub(idle)).await;
        }
    }
}

impl Busy {
    /// The same body, which ends this when it ends or is dropped.
    pub(crate) fn until_end_of<B>(self, body: B) -> BusyBody<B> {
        BusyBody { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for BusyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_is_idle_when_everything_has_ended_for_the_limit() {
        let (activity, limit) = (Activity::new(), Duration::from_millis(20));
        let (one, other) = (activity.begin(), activity.begin());
        drop(one);
        sleep(2 * limit).await;
        assert!(activity.idle_for(limit).now_or_never().is_none(), "the other goes on");
        drop(other);
        let ended = Instant::now();
        activity.idle_for(limit).await;
        // Times are kept in whole milliseconds.
        assert!(ended.elapsed() + Duration::from_millis(1) >= limit);
    }
}
