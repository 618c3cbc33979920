//! Ids in paths and queries. An id that nobody has, one that is none, and one of another account get one answer.

use domain::{AccountId, CallId, InviteId, KeyId, PlanName};
use hyper::StatusCode;

use super::ApiError;
use super::input::Named;

impl Named for AccountId {
    fn unknown() -> ApiError {
        not_found("account_not_found", "There is no such account.")
    }
}

impl Named for KeyId {
    fn unknown() -> ApiError {
        not_found("key_not_found", "There is no such key.")
    }
}

impl Named for InviteId {
    fn unknown() -> ApiError {
        not_found("invite_not_found", "There is no such invite.")
    }
}

impl Named for CallId {
    fn unknown() -> ApiError {
        not_found("not_found", "There is no such call.")
    }
}

impl Named for PlanName {
    fn unknown() -> ApiError {
        not_found("plan_not_found", "There is no such plan.")
    }
}

fn not_found(code: &'static str, message: &str) -> ApiError {
    ApiError::invalid(StatusCode::NOT_FOUND, code, message)
}
