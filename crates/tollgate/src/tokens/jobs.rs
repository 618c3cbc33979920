//! Where tokens are counted: on threads for work that blocks, a few at a time, in a short queue.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Counts at the same time. Each takes a core, and a few times the bytes of its request.
const RUNNING_MAX: usize = 2;

/// Counts that wait or run. Whoever comes when it is full gets a bound at once.
const QUEUED_MAX: usize = 128;

/// The queue.
#[derive(Debug)]
pub(super) struct Jobs {
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Jobs {
    pub(super) fn new() -> Jobs {
        Jobs { queue: Arc::new(Semaphore::new(QUEUED_MAX)), running: Arc::new(Semaphore::new(RUNNING_MAX)) }
    }

    /// What `work` comes to; `None` when the queue is full, or the work panicked. Work that has begun is done, whether
    /// anybody waits or not.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let queued = Arc::clone(&self.queue).try_acquire_owned().ok()?;
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        let job = spawn_blocking(move || {
            let _places = (queued, running);
            work()
        });
        job.await.ok()?
    }
}
