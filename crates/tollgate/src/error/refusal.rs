//! Why a call got no answer: refused by the gateway before it was sent, or failed at the upstream.

use std::net::IpAddr;
use std::time::Duration;

use domain::{Money, Outcome, PlanName, retry};
use thiserror::Error;
use wire::chat::RequestError;
use wire::error::UpstreamError;

use crate::catalog::ResolveError;
use crate::idempotency;
use crate::limits::Limited;
use crate::sessions::SessionRefusal;
use crate::upstream::{Secrets, SendError};

/// Why the gateway did not send a call.
#[derive(Debug)]
pub enum Refusal {
    /// No credential came with the request.
    NoKey,
    /// The key is unknown or revoked.
    BadKey,
    /// The key has expired.
    KeyExpired {
        /// Since when, in milliseconds since the Unix epoch.
        expires_at_ms: i64,
    },
    /// The key may not be used from the address that the request comes from; `None` when that cannot be told.
    AddressNotAllowed(Option<IpAddr>),
    /// The route is for management keys.
    NotManagement,
    /// Too many calls are in flight.
    Busy,
    /// The bodies of other calls have taken the memory that there is for them.
    NoRoom,
    /// The ledger cannot commit, and there is no free traffic.
    LedgerFailing,
    /// The gateway is stopping.
    Closing,
    /// The header of that name is not a short visible text.
    Tag(&'static str),
    /// The body is not declared as JSON.
    ContentType(String),
    /// The body is compressed.
    ContentEncoding,
    /// The body is over the limit of this many bytes.
    BodyTooLarge(usize),
    /// The body did not arrive in time or its connection broke.
    BodyBroken(&'static str),
    /// The request has an idempotency key that does not let it be sent.
    Idempotency(idempotency::Refused),
    /// The body is no valid request.
    Request(RequestError),
    /// The conversation that it belongs to does not let it go on.
    Session(SessionRefusal),
    /// There is no route for the model.
    Route(ResolveError),
    /// The account's trial is over.
    TrialOver {
        /// Since when, in milliseconds since the Unix epoch.
        ended_at_ms: i64,
    },
    /// The account's plan does not exist.
    NoPlan(PlanName),
    /// The plan or the key does not allow the model of that name.
    ModelNotAllowed(String),
    /// A limit of the account or of the key is reached.
    Limited(Limited),
    /// The model has no price, and the account pays.
    Unpriced(String),
    /// The balance does not cover the call.
    NoCredit(NoCredit),
}

/// A balance that does not cover a call.
#[derive(Debug)]
pub struct NoCredit {
    /// What the call would reserve.
    pub needed: Money,
    /// What can be had: of the account's balance, or of a cap.
    pub available: Money,
    /// The cap that is nearer than the balance, where one is.
    pub cap: Option<Limited>,
    /// The output limit that the balance would pay for.
    pub affordable_output_tokens: u64,
}

/// Why the upstreams gave no answer. As text, for logs, it leaves out the upstream's words: they may echo the prompt.
#[derive(Debug, Error)]
pub enum Failure {
    /// No response.
    #[error(transparent)]
    Send(#[from] SendError),
    /// An error status.
    #[error("status {status}")]
    Status {
        /// The upstream's status.
        status: u16,
        /// What it said, made safe to show.
        error: UpstreamError,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// A success status with an error in it.
    #[error("an error in a successful answer")]
    InBand(UpstreamError),
    /// An answer that is none.
    #[error("{0}")]
    Malformed(String),
    /// The stream ended before its end.
    #[error("the upstream's answer was cut off")]
    Cut,
    /// Silence for longer than the idle deadline.
    #[error("the upstream went silent")]
    Stall,
    /// The call took longer than its total deadline.
    #[error("the call took longer than its deadline")]
    Timeout,
    /// The gateway was stopped.
    #[error("the gateway is stopping")]
    Shutdown,
    /// The client left.
    #[error("the client left")]
    ClientGone,
    /// Its client ended it: it runs in the background, and was cancelled or deleted.
    #[error("the call was cancelled")]
    Cancelled,
    /// The ledger did not commit the charge in time, so the answer must not end as a success.
    #[error("the charge could not be recorded")]
    Unsettled,
}

impl Failure {
    /// The same, without secrets in what the upstream said.
    #[must_use]
    pub fn hiding(self, secrets: &Secrets) -> Failure {
        match self {
            Failure::Status { status, error, retry_after } => {
                Failure::Status { status, error: secrets.hide(error), retry_after }
            }
            Failure::InBand(error) => Failure::InBand(secrets.hide(error)),
            other => other,
        }
    }

    /// The word for the receipt.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Failure::Send(SendError::Timeout(_)) | Failure::Timeout => Outcome::Timeout,
            Failure::Send(_) | Failure::Status { .. } | Failure::InBand(_) | Failure::Malformed(_) => {
                Outcome::UpstreamError
            }
            Failure::Cut => Outcome::Cut,
            Failure::Stall => Outcome::Stall,
            Failure::Shutdown => Outcome::Shutdown,
            Failure::ClientGone | Failure::Cancelled => Outcome::ClientGone,
            Failure::Unsettled => Outcome::Unsettled,
        }
    }

    /// A word for it, for traces: the upstream's status, or how the try ended.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Failure::Status { status, .. } => status.to_string(),
            other => other.outcome().as_str().to_owned(),
        }
    }

    /// The same, as the retry rules see it.
    #[must_use]
    pub fn for_retry(&self) -> retry::Failure {
        match self {
            Failure::Send(SendError::Connect(_) | SendError::TurnedAway(_)) => retry::Failure::Connect,
            Failure::Status { status, retry_after, .. } => retry::Failure::Status(*status, *retry_after),
            // An error instead of a first token is an upstream's 502 in another dress.
            Failure::InBand(_) => retry::Failure::Status(502, None),
            _ => retry::Failure::Ambiguous,
        }
    }
}
