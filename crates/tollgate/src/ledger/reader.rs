//! The thread that reads receipts, on a connection of its own.

use std::io;

use tokio::sync::{mpsc, oneshot};

use super::LedgerError;
use super::store::UsageStore;

/// Reads that can wait. A listing takes about a millisecond, so this is a queue of a tenth of a second.
const READS_MAX: usize = 64;

/// What runs on the reader's thread.
type Reading = dyn FnOnce(&mut dyn UsageStore) + Send;

/// Work for the reader.
pub(super) enum Read {
    /// Runs on the reader's thread.
    Run(Box<Reading>),
    /// Ends it.
    Close,
}

/// Starts the reader. It ends when it is told to, or with its last sender.
pub(super) fn start(mut store: Box<dyn UsageStore + Send>) -> io::Result<mpsc::Sender<Read>> {
    let (reads, mut reads_in) = mpsc::channel(READS_MAX);
    std::thread::Builder::new().name("ledger-reader".to_owned()).spawn(move || {
        while let Some(Read::Run(work)) = reads_in.blocking_recv() {
            work(&mut *store);
        }
        // The connection goes before the queue does, so that the writer's is the last to close.
        drop(store);
    })?;
    Ok(reads)
}

/// Runs `work` on the reader.
pub(super) async fn ask<T: Send + 'static>(
    reads: &mpsc::Sender<Read>,
    work: impl FnOnce(&mut dyn UsageStore) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let (answer, answered) = oneshot::channel();
    let work = Box::new(move |store: &mut dyn UsageStore| {
        // Whoever asked may have left.
        let _ = answer.send(work(store));
    });
    reads.send(Read::Run(work)).await.map_err(|_| LedgerError::Closed)?;
    answered.await.map_err(|_| LedgerError::Closed)?
}
