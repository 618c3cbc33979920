//! The one thread that writes: it commits whatever has arrived in one transaction, then settles the holds in memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::{Money, Settled, Used};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{error, info};

use super::LedgerError;
use super::ending::{Charged, Ending, Waiting};
use super::sessions::SessionBytes;
use super::store::{Booked, Settlement, Store};
use crate::clock::Clock;
use crate::telemetry::{ClosedCall, Telemetry};

/// The most endings in one transaction. Beyond it a commit costs hardly less per call, and the first one waits longer.
const BATCH_MAX: usize = 256;

/// How long a batch waits for company when the one before it had some. A commit costs ten times as much per call alone
/// as in a batch of thirty, so on a busy gateway this wait pays; a call that ends alone never waits.
const COMPANY_WAIT: Duration = Duration::from_millis(1);

/// The first wait after a failed commit; each further one doubles.
const RETRY_FIRST: Duration = Duration::from_millis(20);

/// The longest wait after a failed commit.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// What runs on the writer's thread.
type Work = dyn FnOnce(&mut dyn Store) + Send;

/// Work on the store between two batches.
pub(super) enum Command {
    /// Runs on the writer's thread.
    Run(Box<Work>),
    /// Takes no new calls, and ends when those in flight have ended.
    Close,
}

/// The writer's side of the ledger.
pub(super) struct Writer {
    pub(super) store: Box<dyn Store>,
    pub(super) endings: mpsc::Receiver<Ending>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) session_bytes: Arc<SessionBytes>,
    pub(super) failing: Arc<AtomicBool>,
    pub(super) telemetry: Arc<OnceLock<Arc<Telemetry>>>,
    pub(super) clock: Clock,
}

/// Starts the writer's thread. Its runtime waits on two queues and on the clock, and does no I/O.
pub(super) fn start(writer: Writer) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || runtime.block_on(writer.run()))?;
    Ok(())
}

/// Runs `work` on the writer's thread, between two batches.
pub(super) async fn ask<T: Send + 'static>(
    commands: &mpsc::Sender<Command>,
    work: impl FnOnce(&mut dyn Store) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let (answer, answered) = oneshot::channel();
    let work = Box::new(move |store: &mut dyn Store| {
        // Whoever asked may have left; the work is done all the same.
        let _ = answer.send(work(store));
    });
    commands.send(Command::Run(work)).await.map_err(|_| LedgerError::Closed)?;
    answered.await.map_err(|_| LedgerError::Closed)?
}

impl Writer {
    /// Writes until every call has ended and the ledger is closed or dropped.
    pub(super) async fn run(mut self) {
        let mut endings = Vec::with_capacity(BATCH_MAX);
        let mut busy = false;
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.execute(command),
                count = self.endings.recv_many(&mut endings, BATCH_MAX) => {
                    if count == 0 {
                        break;
                    }
                    if busy {
                        self.gather(&mut endings).await;
                    }
                    busy = endings.len() > 1;
                    self.commit(&mut endings).await;
                }
            }
        }
        // The store goes first, so that whoever sees the queues closed may open it again.
        let Writer { store, .. } = self;
        drop(store);
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Run(work) => work(&mut *self.store),
            Command::Close => self.endings.close(),
        }
    }

    /// Waits, then takes what has come. Nobody wakes the writer meanwhile, which would cost as much as it saves.
    async fn gather(&mut self, endings: &mut Vec<Ending>) {
        sleep(COMPANY_WAIT).await;
        while endings.len() < BATCH_MAX
            && let Ok(ending) = self.endings.try_recv()
        {
            endings.push(ending);
        }
    }

    async fn commit(&mut self, endings: &mut Vec<Ending>) {
        let mut settlements = Vec::with_capacity(endings.len());
        let mut waiting = Vec::with_capacity(endings.len());
        let mut barriers = Vec::new();
        for ending in endings.drain(..) {
            match ending {
                Ending::Settle(parts) => {
                    let (settlement, waits) = *parts;
                    settlements.push(settlement);
                    waiting.push(waits);
                }
                Ending::Release(account, hold) => {
                    account.settle(hold, Money::ZERO);
                }
                Ending::Barrier(reached) => barriers.push(reached),
            }
        }
        if !settlements.is_empty() {
            let booked = self.store_at_last(&mut settlements, &mut waiting).await;
            for ((settlement, waits), booked) in settlements.into_iter().zip(waiting).zip(booked) {
                self.finish(settlement, waits, booked);
            }
        }
        for reached in barriers {
            // Nobody waits any more: nothing to tell.
            let _ = reached.send(());
        }
    }

    /// Stores the batch, however often it takes. Meanwhile nothing is admitted, and commands still run.
    async fn store_at_last(&mut self, batch: &mut [Settlement], waiting: &mut [Waiting]) -> Vec<Booked> {
        let mut pause = RETRY_FIRST;
        let mut failed = false;
        loop {
            begin_try(batch, waiting);
            let begun = Instant::now();
            match self.store.settle(batch, self.clock.now_ms()) {
                Ok(mut booked) => {
                    if let Some(telemetry) = self.telemetry.get() {
                        telemetry.metrics.committed(batch.len(), begun.elapsed());
                    }
                    if failed {
                        // What the store has of this batch it has from a try of ours that seemed to fail.
                        booked.iter_mut().for_each(|booked| booked.repeated = false);
                        self.failing.store(false, Ordering::Release);
                        info!(settlements = batch.len(), "the store takes settlements again");
                    }
                    return booked;
                }
                Err(reason) => {
                    end_try(waiting);
                    if let Some(telemetry) = self.telemetry.get() {
                        telemetry.metrics.commit_failed();
                    }
                    if !failed {
                        failed = true;
                        self.failing.store(true, Ordering::Release);
                        error!(%reason, settlements = batch.len(), "the store fails: calls are refused until it works");
                    }
                }
            }
            self.serve_commands(Instant::now() + pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn serve_commands(&mut self, until: Instant) {
        while let Ok(Some(command)) = timeout_at(until, self.commands.recv()).await {
            self.execute(command);
        }
        sleep_until(until).await;
    }

    /// Moves the money in memory as it was moved in the store, trues up the meters, reports the call, and answers it.
    ///
    /// A call that had been stored before this batch has been paid and counted then: what this admission holds and
    /// reserves goes back.
    fn finish(&self, settlement: Settlement, waits: Waiting, booked: Booked) {
        let spend = if booked.repeated { Money::ZERO } else { booked.settled.charge };
        if let Some(hold) = waits.hold {
            waits.account.settle(hold, spend);
        }
        if let Some(reservation) = waits.reservation.filter(|_| !booked.repeated) {
            reservation.end(Used { tokens: booked.tokens, spend, counted: true });
        }
        let Settled { charge, uncollected } = booked.settled;
        // Before the answer, so that whoever has it finds it counted.
        if let Some(telemetry) = self.telemetry.get().filter(|_| !booked.repeated) {
            let (receipt, trace) = (settlement.receipt, waits.trace);
            telemetry.closed(ClosedCall { receipt, charge, uncollected, trace });
        }
        if let Some(bytes) = booked.session_bytes {
            self.session_bytes.set(waits.account.id, bytes);
        }
        if let Some(claim) = waits.claim.filter(|_| booked.kept) {
            claim.keep(Some(waits.call), booked.at_ms);
        }
        // Before the answer as well, so that whoever has it can go on in the conversation at once.
        drop(waits.lock);
        if let Some(ack) = waits.ack {
            // A client that left does not wait for the answer; the settlement stands.
            let _ = ack.send(Charged { charge, uncollected, committed_at_ms: booked.at_ms });
        }
    }
}

/// Withdraws the answers for which nobody waited so long.
fn begin_try(batch: &mut [Settlement], waiting: &[Waiting]) {
    for (settlement, waits) in batch.iter_mut().zip(waiting) {
        if !waits.patience.begin_try() {
            settlement.receipt.withdraw();
        }
    }
}

/// Tells those whose patience ended during the try that it failed.
fn end_try(waiting: &mut [Waiting]) {
    for waits in waiting {
        if !waits.patience.end_try() {
            waits.ack = None;
        }
    }
}
