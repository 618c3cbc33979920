//! Pages of the keys of an account, oldest first.

use domain::{AccountId, KeyId};
use hyper::StatusCode;

use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::view::{KeyView, ListView};

/// Keys on a page when nobody says.
const LIMIT_DEFAULT: usize = 50;

/// Keys on a page at most, as with receipts.
const LIMIT_MAX: usize = 1_000;

/// At most `limit` keys after the one that `cursor` names.
pub(crate) fn page(
    keys: &KeyRing,
    account: AccountId,
    limit: Option<usize>,
    cursor: Option<&str>,
    now_ms: i64,
) -> Result<ListView<KeyView>, ApiError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(invalid("limit", format!("'limit' must be from 1 to {LIMIT_MAX}.")));
    }
    let no_cursor = |_| invalid("cursor", "'cursor' must be the next_cursor of a page before.".to_owned());
    let after: Option<KeyId> = cursor.map(str::parse).transpose().map_err(no_cursor)?;
    // One more than asked for tells whether there is a next page.
    let mut found = keys.page(account, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(ListView::new(found.iter().map(|key| KeyView::of(key, now_ms)).collect(), next))
}

fn invalid(param: &str, message: String) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message).param(param)
}
