//! The thread that keeps the rollups of usage: it folds new receipts into them, deletes old receipts, and rebuilds. It
//! deletes old sessions as well.
//!
//! It reads and computes on a connection of its own. What it stores it hands to the writer, a little at a time, which
//! takes it between two batches of calls. So no call waits longer for it than for the calls before it.

use std::io;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

use super::LedgerError;
use super::far_move::FarMove;
use super::sessions::{SessionBytes, SessionKeeper};
use super::sqlite::usage;
use super::usage::Rebuilt;
use super::writer::{self, Command};
use crate::clock::Clock;
use crate::config::{SessionPolicy, UsagePolicy};

/// Tasks that can wait for the keeper. They come from operators.
const TASKS_MAX: usize = 8;

/// What the keeper can be told.
pub(super) enum Task {
    /// From now on, keep usage like this.
    Follow(UsagePolicy),
    /// From now on, keep sessions like this.
    KeepSessions(SessionPolicy),
    /// Do now what is due at the next interval.
    Keep(oneshot::Sender<Result<(), LedgerError>>),
    /// Compute every row anew.
    Rebuild(oneshot::Sender<Result<Rebuilt, LedgerError>>),
    /// End.
    Close,
}

struct Keeper {
    connection: Connection,
    commands: mpsc::Sender<Command>,
    tasks: mpsc::Receiver<Task>,
    policy: UsagePolicy,
    far_move: Option<FarMove>,
    sessions: SessionKeeper,
    clock: Clock,
}

/// Starts the keeper. It ends when it is told to, or with its last sender.
pub(super) fn start(
    connection: Connection,
    commands: mpsc::Sender<Command>,
    session_bytes: Arc<SessionBytes>,
    clock: Clock,
) -> io::Result<mpsc::Sender<Task>> {
    let (tasks, tasks_in) = mpsc::channel(TASKS_MAX);
    // Nothing is deleted before somebody says what is kept.
    let policy = UsagePolicy { retention_days: None, ..UsagePolicy::default() };
    let sessions = SessionKeeper::new(commands.clone(), session_bytes);
    let keeper = Keeper { connection, commands, tasks: tasks_in, policy, far_move: None, sessions, clock };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("usage-keeper".to_owned())
        .spawn(move || runtime.block_on(keeper.run()))?;
    Ok(tasks)
}

/// Runs `work` on the writer's connection, between two batches of calls.
pub(super) async fn on_database<T: Send + 'static>(
    commands: &mpsc::Sender<Command>,
    work: impl FnOnce(&mut Connection) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    writer::ask(commands, move |store| match store.database() {
        Some(database) => work(database),
        None => Err(LedgerError::Invalid("this store keeps no usage")),
    })
    .await
}

impl Keeper {
    async fn run(mut self) {
        let mut failing = false;
        loop {
            match timeout(self.policy.rollup_every, self.tasks.recv()).await {
                Err(_) => {
                    let kept = self.keep().await;
                    if let Err(error) = &kept
                        && !failing
                    {
                        warn!(%error, "usage is not rolled up, and nothing old is deleted, until this works");
                    }
                    failing = kept.is_err();
                }
                Ok(Some(Task::Follow(policy))) => self.policy = policy,
                Ok(Some(Task::KeepSessions(policy))) => self.sessions.policy = policy,
                Ok(Some(Task::Keep(answer))) => {
                    // Whoever asked may have left; here and below.
                    let _ = answer.send(self.keep().await);
                }
                Ok(Some(Task::Rebuild(answer))) => {
                    let _ = answer.send(self.rebuild().await);
                }
                Ok(Some(Task::Close) | None) => break,
            }
        }
        // The connection goes before the queue does, so that the writer's is the last to close.
        let Keeper { connection, .. } = self;
        drop(connection);
    }

    /// Folds every receipt that is not in the rollups, then deletes receipts and sessions that are too old.
    async fn keep(&mut self) -> Result<(), LedgerError> {
        self.keep_usage().await?;
        self.sessions.keep(&self.connection, self.clock.now_ms()).await
    }

    async fn keep_usage(&mut self) -> Result<(), LedgerError> {
        while let Some(change) = usage::next_fold(&self.connection, usage::IN_BACKGROUND)? {
            self.on_database(move |database| usage::store(database, &change)).await?;
        }
        let Some(days) = self.policy.retention_days else { return Ok(()) };
        if let Some(horizon) = self.next_horizon(days)? {
            self.on_database(move |database| usage::move_horizon(database, horizon)).await?;
        }
        while let Some(up_to) = usage::expired(&self.connection)? {
            self.on_database(move |database| usage::prune(database, up_to)).await?;
        }
        Ok(())
    }

    /// Where the horizon moves now; `None` where it stays.
    fn next_horizon(&mut self, days: u32) -> Result<Option<i64>, LedgerError> {
        let now_ms = self.clock.now_ms();
        let horizon = usage::horizon(now_ms, days);
        let keep_from_ms = usage::State::read(&self.connection)?.keep_from_ms;
        if FarMove::is_one(keep_from_ms, horizon) {
            let of = usage::keeps_from_before(&self.connection, horizon)?.then_some("receipts");
            let far_move = FarMove::look(self.far_move, now_ms, of);
            self.far_move = Some(far_move);
            return Ok(far_move.is_sure().then_some(horizon));
        }
        self.far_move = None;
        Ok((keep_from_ms < horizon).then_some(horizon))
    }

    async fn rebuild(&mut self) -> Result<Rebuilt, LedgerError> {
        self.keep_usage().await?;
        let mut rebuilt = Rebuilt::default();
        for day in usage::days_to_check(&self.connection)? {
            let mending = usage::mend_day(&self.connection, day)?;
            self.mend(mending, &mut rebuilt).await?;
        }
        for month in usage::months_to_check(&self.connection)? {
            let mending = usage::mend_month(&self.connection, month)?;
            self.mend(mending, &mut rebuilt).await?;
        }
        let mending = usage::mend_totals(&self.connection)?;
        self.mend(mending, &mut rebuilt).await?;
        info!(receipts = rebuilt.receipts, mended = rebuilt.mended, "the rollups of usage were rebuilt");
        Ok(rebuilt)
    }

    async fn mend(&self, mending: usage::Mending, rebuilt: &mut Rebuilt) -> Result<(), LedgerError> {
        rebuilt.receipts += mending.receipts;
        rebuilt.mended += mending.rows;
        for change in mending.changes {
            self.on_database(move |database| usage::store(database, &change)).await?;
        }
        Ok(())
    }

    async fn on_database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        on_database(&self.commands, work).await
    }
}
