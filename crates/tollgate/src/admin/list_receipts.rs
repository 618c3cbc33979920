//! `GET /admin/receipts?account=&limit=&cursor=`: the receipts of an account, newest first.

use axum::Json;
use axum::extract::State;
use domain::{AccountId, CallId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Admin, ApiError, Caller, Named, QueryParams};
use crate::ledger::Page;

use super::show_account::find;
use super::view::{ListView, ReceiptView};
use super::{AdminError, AdminState};

/// Receipts on a page when nobody says.
const LIMIT_DEFAULT: u32 = 50;

/// Which receipts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptsQuery {
    /// The account's id.
    account: String,
    /// Receipts on a page; 50 when nobody says.
    #[param(minimum = 1, maximum = 999)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Receipts of an account
///
/// Newest first. `next_cursor` is there while there may be more.
#[utoipa::path(
    get,
    path = "/admin/receipts",
    tag = "Receipts",
    params(ReceiptsQuery),
    responses((status = 200, body = ListView<ReceiptView>), (status = 404), (status = 500), (status = 503))
)]
pub(super) async fn list_receipts(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    QueryParams(query): QueryParams<ReceiptsQuery>,
) -> Result<Json<ListView<ReceiptView>>, ApiError> {
    let limit = checked(query.limit.unwrap_or(LIMIT_DEFAULT))?;
    let before = query.cursor.map(|text| parse_cursor(&text)).transpose()?;
    let id = query.account.parse().map_err(|_| AccountId::unknown())?;
    let account = find(&state, id)?;
    // One more than asked for tells whether there is a next page.
    let page = Page { limit: limit + 1, before };
    let mut receipts = state.ledger.receipts(account.id, page).await.map_err(AdminError::from)?;
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = receipts.len() > kept;
    receipts.truncate(kept);
    let next = receipts.last().filter(|_| more).map(|last| last.receipt.call.to_string());
    Ok(Json(ListView::new(receipts.iter().map(ReceiptView::of).collect(), next)))
}

fn checked(limit: u32) -> Result<u32, AdminError> {
    let most = Page::LIMIT_MAX - 1;
    let message = || AdminError::invalid("limit", format!("'limit' must be from 1 to {most}."));
    (1..=most).contains(&limit).then_some(limit).ok_or_else(message)
}

fn parse_cursor(text: &str) -> Result<CallId, AdminError> {
    text.parse()
        .map_err(|_| AdminError::invalid("cursor", "'cursor' must be the next_cursor of a page before."))
}
