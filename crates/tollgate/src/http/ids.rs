//! Ids in paths and queries. An id that nobody has, one that is none, and one of another account get one answer.

use std::str::FromStr;

use domain::{AccountId, CallId, ConversationId, InviteId, KeyId, PlanName, UnknownId};
use hyper::StatusCode;

use super::input::Named;
use crate::error::ApiError;
use crate::sessions::call_of;

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

/// The id of a stored response, which is that of its call with another prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResponseId(pub(super) CallId);

impl FromStr for ResponseId {
    type Err = UnknownId;

    fn from_str(text: &str) -> Result<ResponseId, UnknownId> {
        call_of(text).map(ResponseId).ok_or(UnknownId)
    }
}

impl Named for ResponseId {
    fn unknown() -> ApiError {
        not_found("response_not_found", "There is no such response.")
    }
}

/// Whether `text` can be what a path names by its parameter `name`. What cannot, as `compact` in the place of a
/// response's id, is no path of that route: clients ask so for what other APIs have, and take a 404 for the answer.
pub(super) fn can_be(name: &str, text: &str) -> bool {
    match name {
        "response" => text.parse::<ResponseId>().is_ok(),
        "conversation" => text.parse::<ConversationId>().is_ok(),
        "key" => text.parse::<KeyId>().is_ok(),
        _ => true,
    }
}

impl Named for ConversationId {
    fn unknown() -> ApiError {
        not_found("conversation_not_found", "There is no such conversation.")
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
