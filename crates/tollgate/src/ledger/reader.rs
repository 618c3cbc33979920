//! Threads that read, each on a connection of its own.

use std::io;

use tokio::sync::{mpsc, oneshot};

use super::LedgerError;

/// Reads that can wait. Most take about a millisecond, but a question about usage may take seconds: whoever does not
/// wait that long leaves, and is passed over.
const READS_MAX: usize = 64;

/// What runs on the thread of a reader.
type Reading<S> = dyn FnOnce(&mut S) + Send;

/// Work for a reader of the store `S`.
pub(super) enum Read<S> {
    /// Runs on the reader's thread.
    Run(Box<Reading<S>>),
    /// Ends it.
    Close,
}

/// Starts a reader. It ends when it is told to, or with its last sender.
pub(super) fn start<S: Send + 'static>(name: &str, mut store: S) -> io::Result<mpsc::Sender<Read<S>>> {
    let (reads, mut reads_in) = mpsc::channel(READS_MAX);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        while let Some(Read::Run(work)) = reads_in.blocking_recv() {
            work(&mut store);
        }
        // The connection goes before the queue does, so that the writer's is the last to close.
        drop(store);
    })?;
    Ok(reads)
}

/// Runs `work` on a reader.
pub(super) async fn ask<S: 'static, T: Send + 'static>(
    reads: &mpsc::Sender<Read<S>>,
    work: impl FnOnce(&mut S) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let (answer, answered) = oneshot::channel();
    let work = Box::new(move |store: &mut S| {
        // Whoever asked may have left: before, or while it is read.
        if !answer.is_closed() {
            let _ = answer.send(work(store));
        }
    });
    reads.send(Read::Run(work)).await.map_err(|_| LedgerError::Closed)?;
    answered.await.map_err(|_| LedgerError::Closed)?
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{Read, ask, start};

    #[tokio::test]
    async fn a_question_whose_asker_has_left_is_passed_over() {
        let reads = start("reader-under-test", 0_u32).unwrap();
        let (release, released) = std::sync::mpsc::sync_channel(1);
        let mut slow = Box::pin(ask(&reads, move |_| {
            // An error says that the test is over.
            let _ = released.recv();
            Ok(())
        }));
        let mut left = Box::pin(ask(&reads, |runs| {
            *runs += 1;
            Ok(())
        }));
        assert!((&mut slow).now_or_never().is_none(), "it is in the queue");
        assert!((&mut left).now_or_never().is_none(), "it is in the queue, behind that one");
        drop(left);
        release.send(()).unwrap();
        slow.await.unwrap();
        assert_eq!(ask(&reads, |runs| Ok(*runs)).await.unwrap(), 0);
        reads.send(Read::Close).await.unwrap();
        reads.closed().await;
    }
}
