//! Pages of items, of responses and of conversations.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use wire::responses::shown_item;

use super::input::Named;
use crate::error::ApiError;
use crate::ledger::sessions::{ItemList, ItemPage, Order, PAGE_ITEMS_MAX, SessionError};

/// Items on a page when nobody says, as at OpenAI.
const ITEMS_DEFAULT: u32 = 20;

/// Which items of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ItemsQuery {
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<Limit>,
    /// `asc` or `desc`, which is the default: the newest first.
    #[param(inline)]
    order: Option<Direction>,
    /// The id of the last item of the page before.
    after: Option<String>,
}

/// From 1 to 100.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Limit(u32);

impl TryFrom<u32> for Limit {
    type Error = String;

    fn try_from(limit: u32) -> Result<Limit, String> {
        let allowed = 1..=PAGE_ITEMS_MAX;
        if allowed.contains(&limit) {
            Ok(Limit(limit))
        } else {
            Err(format!("must be from 1 to {PAGE_ITEMS_MAX}"))
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

impl ItemsQuery {
    /// The page that is asked for.
    pub(super) fn page(self) -> ItemPage {
        let order = if matches!(self.order, Some(Direction::Asc)) { Order::Asc } else { Order::Desc };
        ItemPage { limit: self.limit.map_or(ITEMS_DEFAULT, |limit| limit.0), order, after: self.after }
    }
}

/// A page of items.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `ItemsPage` writes")]
pub(super) struct Items {
    /// Always `list`.
    object: String,
    /// The items.
    data: Vec<Value>,
    /// The id of the first one.
    #[schema(required)]
    first_id: Option<String>,
    /// The id of the last one.
    #[schema(required)]
    last_id: Option<String>,
    /// Whether more come after them.
    has_more: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    object: &'static str,
    data: Vec<&'a RawValue>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

/// A page to send.
pub(super) struct ItemsPage(pub(super) ItemList);

impl From<ItemsPage> for Response {
    fn from(ItemsPage(list): ItemsPage) -> Response {
        let id = |item: Option<&'_ crate::ledger::sessions::Item>| item.map(|item| item.id.clone());
        let (first, last) = (id(list.items.first()), id(list.items.last()));
        let shown: Vec<Cow<'_, str>> = list.items.iter().map(|item| shown_item(&item.body)).collect();
        let page = Written {
            object: "list",
            // What is stored was written as JSON.
            data: shown.iter().filter_map(|item| serde_json::from_str(item).ok()).collect(),
            first_id: first.as_deref(),
            last_id: last.as_deref(),
            has_more: list.has_more,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&page).unwrap_or_default()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Why there is no such page of what `T` names.
pub(super) fn no_page<T: Named>(error: SessionError) -> ApiError {
    match error {
        SessionError::Ledger(error) => error.into(),
        SessionError::UnknownCursor => {
            let message = "'after' is the id of no item of this list.";
            ApiError::invalid(StatusCode::NOT_FOUND, "item_not_found", message).param("after")
        }
        SessionError::NotFound | SessionError::Broken | SessionError::Unfinished | SessionError::TooLong => {
            T::unknown()
        }
    }
}
