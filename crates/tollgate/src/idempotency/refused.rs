//! Why a request with an idempotency key is not served.

use domain::CallId;

use crate::ledger::LedgerError;

/// Why a request with an idempotency key is not served.
#[derive(Debug)]
pub enum Refused {
    /// The key is none.
    BadKey,
    /// The first request with this key is still running.
    InProgress,
    /// The key was used for another request.
    OtherRequest,
    /// The request was answered, and the answer was too large to be kept.
    TooLarge(Option<CallId>),
    /// The answer holds a secret, and this credential is not the one that it was made for.
    OtherCredential,
    /// As many answers are kept as may be.
    Full,
    /// The stored answer cannot be opened.
    Unreadable,
    /// The system has no randomness.
    Entropy(getrandom::Error),
    /// The ledger did not read it.
    Ledger(LedgerError),
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Refused {
        Refused::Ledger(error)
    }
}
