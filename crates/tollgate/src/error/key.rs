//! What is told to who may not call: the same for every wrong key, and more to who shows the right one.

use std::net::IpAddr;

use hyper::StatusCode;

use super::api_error::ApiError;
use crate::time::rfc3339;

/// No key was shown.
pub(super) fn missing() -> ApiError {
    unauthorized("No API key was given. Send it as 'Authorization: Bearer <key>' or 'x-api-key: <key>'.")
}

/// The key is unknown, malformed or revoked.
pub(crate) fn wrong() -> ApiError {
    unauthorized("The API key is not valid.")
}

/// The key has expired, which only who has its secret can learn.
pub(super) fn expired(expires_at_ms: i64) -> ApiError {
    let message = format!("The API key expired at {}.", rfc3339(expires_at_ms));
    ApiError::invalid(StatusCode::UNAUTHORIZED, "key_expired", message)
}

/// The key may not be used from there.
pub(super) fn elsewhere(address: Option<IpAddr>) -> ApiError {
    let from = address.map(|address| format!(" from {address}")).unwrap_or_default();
    forbidden("address_not_allowed", format!("The API key may not be used{from}."))
}

/// The key is a user's.
pub(super) fn not_management() -> ApiError {
    forbidden("management_key_required", "Only a management key may do this, and this key is none.")
}

/// The secret was replaced, and works on for calls only.
pub(crate) fn replaced() -> ApiError {
    forbidden("secret_replaced", "This secret was replaced. Manage keys with the key's new secret.")
}

/// The key made the one that asks, if only by keys in between.
pub(crate) fn maker() -> ApiError {
    forbidden("key_is_maker", "A key cannot change, rotate or revoke the keys that it was made with.")
}

/// What a key that is right may not do, however often it tries.
pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "permission_error", code, message).retry(false)
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::invalid(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
}
