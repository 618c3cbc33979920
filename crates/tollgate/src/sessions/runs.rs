//! Responses that run in the background: their events as far as they have come, for whoever reads them now or resumes,
//! and the way to cancel them.
//!
//! The events are in memory only. What a response came to is in the store, also after a restart.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, CallId};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::sessions::NewTurn;

/// Runs that are remembered, those that have ended included. Each may take [`EVENTS_BYTES_MAX`]. Those that have ended
/// make room for new ones, the oldest first.
const RUNS_MAX: usize = 256;

/// Runs of one account that are under way, so that none takes all the places.
const RUNS_OF_ACCOUNT_MAX: usize = 32;

/// Bytes of events that are kept of one run: some thousand events of text.
const EVENTS_BYTES_MAX: usize = 1 << 20;

/// How long the events of a run that has ended can still be read.
const KEPT: Duration = Duration::from_secs(300);

/// The runs of this process.
#[derive(Default)]
pub struct Runs {
    by_call: Mutex<HashMap<CallId, Arc<Run>>>,
}

/// One run.
pub(crate) struct Run {
    account: AccountId,
    events: Mutex<Events>,
    /// Moves whenever there is more to read.
    news: watch::Sender<()>,
    cancel: CancellationToken,
    /// What is stored when it is cancelled.
    cancelled: NewTurn,
}

#[derive(Default)]
struct Events {
    /// The frame of each event. Its place is its `sequence_number`.
    frames: Vec<Bytes>,
    bytes: usize,
    /// Whether there were more than are kept.
    overflown: bool,
    ended: Option<Instant>,
}

/// What comes next for a reader of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This frame.
    Frame(Bytes),
    /// Nothing yet.
    Later,
    /// Nothing more: it has ended.
    End,
    /// Nothing more, because the rest is not kept.
    Lost,
}

impl Runs {
    /// A new run of `call`, which stores `cancelled` when it is cancelled and ends when `stop` says so; `None` when too
    /// many are under way.
    pub(crate) fn begin(
        &self,
        call: CallId,
        cancelled: NewTurn,
        stop: &CancellationToken,
    ) -> Option<Arc<Run>> {
        let mut runs = self.lock();
        runs.retain(|_, run| !run.is_over());
        let account = cancelled.account;
        let under_way = |run: &Run| run.account == account && run.ended().is_none();
        if runs.values().filter(|run| under_way(run)).count() >= RUNS_OF_ACCOUNT_MAX {
            return None;
        }
        if runs.len() >= RUNS_MAX {
            let ended = runs.iter().filter_map(|(call, run)| Some((run.ended()?, *call)));
            let (_, oldest) = ended.min()?;
            runs.remove(&oldest);
        }
        let run = Arc::new(Run {
            account,
            events: Mutex::default(),
            news: watch::Sender::new(()),
            cancel: stop.child_token(),
            cancelled,
        });
        runs.insert(call, Arc::clone(&run));
        Some(run)
    }

    /// The account's run of that call, while its events can be read.
    pub(crate) fn get(&self, account: AccountId, call: CallId) -> Option<Arc<Run>> {
        self.lock().get(&call).filter(|run| run.account == account && !run.is_over()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Arc<Run>>> {
        self.by_call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Notes bytes of the stream: whole frames, each one event.
    pub(crate) fn push(&self, bytes: &Bytes) {
        let mut events = self.lock();
        let mut rest = bytes.clone();
        while let Some(end) = memchr::memmem::find(&rest, b"\n\n") {
            let frame = rest.split_to(end + 2);
            if events.overflown || events.bytes + frame.len() > EVENTS_BYTES_MAX {
                events.overflown = true;
                break;
            }
            events.bytes += frame.len();
            events.frames.push(frame);
        }
        drop(events);
        self.news.send_replace(());
    }

    /// Notes that nothing more comes.
    pub(crate) fn end(&self) {
        self.lock().ended = Some(Instant::now());
        self.news.send_replace(());
    }

    /// What a reader that has read `read` frames gets next.
    pub(crate) fn next(&self, read: usize) -> Next {
        let events = self.lock();
        match events.frames.get(read) {
            Some(frame) => Next::Frame(frame.clone()),
            None if events.overflown => Next::Lost,
            None if events.ended.is_some() => Next::End,
            None => Next::Later,
        }
    }

    /// Tells a reader when there is more.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Ends the run. What it came to so far is charged.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Cancelled when the run is to end.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// What is stored when it is cancelled.
    pub(crate) fn cancelled(&self) -> &NewTurn {
        &self.cancelled
    }

    fn is_over(&self) -> bool {
        self.ended().is_some_and(|ended| ended.elapsed() > KEPT)
    }

    fn ended(&self) -> Option<Instant> {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").finish_non_exhaustive()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("account", &self.account).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::{AccountId, CallId};
    use tokio_util::sync::CancellationToken;

    use super::{EVENTS_BYTES_MAX, Next, RUNS_MAX, RUNS_OF_ACCOUNT_MAX, Run, Runs};
    use crate::ledger::sessions::{NewTurn, Place, TurnStatus};

    fn turn(account: u128, call: CallId) -> NewTurn {
        NewTurn {
            call,
            account: AccountId::from_bits(account),
            created_at_ms: 0,
            place: Place::Root,
            name_if_new: None,
            status: TurnStatus::Cancelled,
            background: true,
            head: String::new(),
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Runs that begin one after the other, each with a call of its own.
    struct Desk {
        runs: Runs,
        stop: CancellationToken,
        calls: u128,
    }

    impl Desk {
        fn new() -> Desk {
            Desk { runs: Runs::default(), stop: CancellationToken::new(), calls: 0 }
        }

        fn begin(&mut self, account: u128) -> Option<std::sync::Arc<Run>> {
            self.calls += 1;
            let call = CallId::from_bits(self.calls);
            self.runs.begin(call, turn(account, call), &self.stop)
        }
    }

    #[tokio::test]
    async fn no_account_takes_all_places_and_those_that_have_ended_make_room() {
        let mut desk = Desk::new();
        let running: Vec<_> = (0..RUNS_OF_ACCOUNT_MAX).map(|_| desk.begin(1).unwrap()).collect();
        assert!(desk.begin(1).is_none(), "the account has its share");
        assert!(desk.begin(2).is_some(), "and another one is served");
        running[0].end();
        assert!(desk.begin(1).is_some(), "one of its own has ended");
        let others = (0..RUNS_MAX).filter(|number| {
            desk.begin(3 + *number as u128).is_some_and(|run| {
                run.end();
                true
            })
        });
        assert_eq!(others.count(), RUNS_MAX, "what has ended never stands in the way");
        let first = CallId::from_bits(1);
        assert!(desk.runs.get(AccountId::from_bits(1), first).is_none(), "the oldest made room");
        let last = CallId::from_bits(desk.calls);
        let its_account = AccountId::from_bits(2 + RUNS_MAX as u128);
        assert!(desk.runs.get(its_account, last).is_some());
        assert!(desk.runs.get(AccountId::from_bits(1), last).is_none(), "it is nobody else's");
    }

    #[tokio::test]
    async fn events_are_read_one_by_one_from_any_place_and_to_the_end() {
        let run = Desk::new().begin(1).unwrap();
        assert_eq!(run.next(0), Next::Later);
        run.push(&Bytes::from_static(b"data: a\n\ndata: b\n\n"));
        assert_eq!(run.next(0), Next::Frame(Bytes::from_static(b"data: a\n\n")));
        assert_eq!(run.next(1), Next::Frame(Bytes::from_static(b"data: b\n\n")));
        assert_eq!(run.next(2), Next::Later);
        run.end();
        assert_eq!(run.next(2), Next::End);
        assert_eq!(run.next(usize::MAX), Next::End);
    }

    #[tokio::test]
    async fn more_events_than_are_kept_are_said_to_be_lost() {
        let run = Desk::new().begin(1).unwrap();
        let long = Bytes::from([vec![b'x'; EVENTS_BYTES_MAX / 2], b"\n\n".to_vec()].concat());
        (0..3).for_each(|_| run.push(&long));
        run.end();
        assert_eq!((run.next(0), run.next(1)), (Next::Frame(long), Next::Lost));
    }

    #[tokio::test]
    async fn a_run_ends_when_it_is_cancelled_or_the_gateway_stops() {
        let mut desk = Desk::new();
        let (one, other) = (desk.begin(1).unwrap(), desk.begin(1).unwrap());
        one.cancel();
        assert!(one.stop().is_cancelled() && !other.stop().is_cancelled());
        desk.stop.cancel();
        assert!(other.stop().is_cancelled());
    }
}
