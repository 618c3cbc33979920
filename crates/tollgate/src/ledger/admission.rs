//! An admitted call: its place in the writer's queue, its hold, and its one ending.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::{Hold, Money, Receipt, Refused};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::SettleError;
use super::account::Account;
use super::answers::Keep;
use super::ending::{Charged, Ending, Waiting};
use super::patience::Patience;
use super::sessions::{Lock, NewTurn};
use super::store::Settlement;
use crate::limits::Reservation;
use crate::telemetry::CallTrace;

/// An admitted call. It ends once: settled, or dropped, which gives its hold back.
#[must_use = "dropping an admission gives its hold back"]
#[derive(Debug)]
pub struct Admission {
    account: Arc<Account>,
    hold: Option<Hold>,
    reservation: Option<Reservation>,
    keep: Option<Keep>,
    turn: Option<Box<NewTurn>>,
    /// Taken when the call ends. Because it was reserved at admission, ending can neither fail nor wait.
    place: Option<mpsc::OwnedPermit<Ending>>,
    trace: Option<Box<CallTrace>>,
    lock: Option<Lock>,
}

impl Admission {
    pub(super) fn new(account: Arc<Account>, place: mpsc::OwnedPermit<Ending>) -> Admission {
        let place = Some(place);
        Admission {
            account,
            hold: None,
            reservation: None,
            keep: None,
            turn: None,
            place,
            trace: None,
            lock: None,
        }
    }

    /// Reserves `amount`, or refuses. A second hold takes the place of the first.
    pub fn hold(&mut self, amount: Money) -> Result<(), Refused> {
        if let Some(earlier) = self.hold.take() {
            self.account.settle(earlier, Money::ZERO);
        }
        self.hold = Some(self.account.hold(amount)?);
        Ok(())
    }

    /// Keeps what the call took from the meters until its end is committed. Another one takes its place.
    pub fn reserve(&mut self, reservation: Reservation) {
        self.reservation = Some(reservation);
    }

    /// Gives back what the call took from the meters.
    pub fn give_back(&mut self) {
        self.reservation = None;
    }

    /// What is reserved.
    #[must_use]
    pub fn held(&self) -> Money {
        self.hold.as_ref().map_or(Money::ZERO, Hold::amount)
    }

    /// The account that pays.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Says where the call stands in a trace, for the report of its end.
    pub fn traced(&mut self, trace: Option<Box<CallTrace>>) {
        self.trace = trace;
    }

    /// Keeps other calls out of the conversation until the end of this one is committed.
    pub(crate) fn locks(&mut self, lock: Option<Lock>) {
        self.lock = lock;
    }

    /// Has an answer stored with the settlement, for those who repeat the request.
    pub(crate) fn keep(&mut self, keep: Keep) {
        self.keep = Some(keep);
    }

    /// Has the call stored as a turn of a session, with the settlement. The call and the account are the receipt's.
    pub fn store_turn(&mut self, turn: Box<NewTurn>) {
        self.turn = Some(turn);
    }

    /// Ends the call with `receipt`: the account pays the receipt's cost, at most the hold, and gets the rest back.
    ///
    /// The settlement is sent off here and now, and the account is the admission's. The answer comes when it is
    /// committed.
    pub fn settle(mut self, mut receipt: Receipt) -> Settling {
        let (ack, answer) = oneshot::channel();
        receipt.account = self.account.id;
        let (claim, kept) = self.keep.take().map(|keep| (keep.claim, keep.answer)).unzip();
        let call = receipt.call;
        let turn = self.turn.take().map(|mut turn| {
            (turn.call, turn.account) = (call, self.account.id);
            turn
        });
        let (kind, hold) = (self.account.kind, self.held());
        let settlement = Settlement { receipt, kind, hold, answer: kept, turn };
        let patience = Arc::new(Patience::default());
        let waiting = Waiting {
            account: Arc::clone(&self.account),
            hold: self.hold.take(),
            reservation: self.reservation.take(),
            call,
            claim,
            patience: Arc::clone(&patience),
            trace: self.trace.take(),
            lock: self.lock.take(),
            ack: Some(ack),
        };
        if let Some(place) = self.place.take() {
            place.send(Ending::Settle(Box::new((settlement, waiting))));
        }
        Settling { answer, patience }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let (Some(place), Some(hold)) = (self.place.take(), self.hold.take()) {
            place.send(Ending::Release(Arc::clone(&self.account), hold));
        }
    }
}

/// A settlement on its way. It happens whether or not this is awaited.
#[must_use = "the last frame waits for the commit"]
#[derive(Debug)]
pub struct Settling {
    answer: oneshot::Receiver<Charged>,
    patience: Arc<Patience>,
}

impl Settling {
    /// Waits for the commit for as long as `longest`, or until the try that is under way then has ended.
    ///
    /// `None` when there was none: an answer that was complete is then stored as unsettled, unless a commit that
    /// seemed to fail had come through.
    pub async fn within(mut self, longest: Duration) -> Option<Charged> {
        match timeout(longest, &mut self.answer).await {
            Ok(answer) => answer.ok(),
            Err(_) if self.patience.end() => None,
            Err(_) => self.answer.await.ok(),
        }
    }
}

impl Future for Settling {
    type Output = Result<Charged, SettleError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.map_err(|_| SettleError::Closed))
    }
}
