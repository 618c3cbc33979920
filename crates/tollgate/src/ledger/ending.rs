//! How an admitted call ends: what it sends to the writer, and what it hears.

use std::sync::Arc;

use domain::{CallId, Hold, Money};
use tokio::sync::oneshot;

use super::account::Account;
use super::answers::Claim;
use super::patience::Patience;
use super::sessions::Lock;
use super::store::Settlement;
use crate::limits::Reservation;
use crate::telemetry::CallTrace;

/// How an admitted call ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// With a receipt.
    Settle(Box<(Settlement, Waiting)>),
    /// Without one: its hold goes back.
    Release(Arc<Account>, Hold),
    /// Not a call: answers when everything before it is committed.
    Barrier(oneshot::Sender<()>),
}

/// The part of a settlement that stays in memory until its commit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) account: Arc<Account>,
    pub(super) hold: Option<Hold>,
    pub(super) reservation: Option<Reservation>,
    pub(super) call: CallId,
    /// The right to answer a request with an idempotency key: kept with the answer, or given back.
    pub(super) claim: Option<Claim>,
    pub(super) patience: Arc<Patience>,
    pub(super) trace: Option<Box<CallTrace>>,
    /// Let go of after the commit, and before the answer.
    pub(super) lock: Option<Lock>,
    /// Gone once the caller was left without an answer.
    pub(super) ack: Option<oneshot::Sender<Charged>>,
}

/// What a committed settlement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// What the account paid.
    pub charge: Money,
    /// The part of the cost above the hold, which nobody pays.
    pub uncollected: Money,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub committed_at_ms: i64,
}
