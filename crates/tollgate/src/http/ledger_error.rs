//! What a client is told when the ledger refuses or fails.

use domain::{AccountId, InviteId, KeyId};
use hyper::StatusCode;

use super::Named;
use crate::error::{ApiError, key};
use crate::ledger::LedgerError;

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> ApiError {
        let conflict = |code, message| ApiError::invalid(StatusCode::CONFLICT, code, message);
        match error {
            LedgerError::UnknownAccount => AccountId::unknown(),
            LedgerError::UnknownKey => KeyId::unknown(),
            LedgerError::UnknownInvite => InviteId::unknown(),
            LedgerError::KeyRevoked => {
                conflict("key_revoked", "The key is revoked, which is for ever. Make another one.")
            }
            LedgerError::ActorEnded => key::wrong(),
            LedgerError::SecretReplaced => key::replaced(),
            LedgerError::KeyIsMaker => key::maker(),
            LedgerError::TooManyKeys => {
                conflict("too_many_keys", "The account has made as many keys as an account may have.")
            }
            LedgerError::Conflict => {
                conflict("reference_conflict", "This reference was used before for another grant.")
                    .param("reference")
            }
            LedgerError::TooLarge => ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "total_too_large",
                "The account's total would be too large.",
            )
            .param("amount"),
            LedgerError::Invalid(what) => {
                ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", format!("Refused: {what}."))
            }
            LedgerError::Closed => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "shutting_down",
                "The gateway is stopping. Try again shortly.",
            ),
            _ => {
                // The details name files and engines: they are for the operator's log.
                tracing::error!(%error, "the ledger failed");
                ApiError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "server_error",
                    "store_failed",
                    "The store failed. The gateway's log says why.",
                )
            }
        }
    }
}
