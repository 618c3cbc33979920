//! `GET /admin/receipts?account=&limit=&cursor=`: the receipts of an account, newest first.

use axum::Json;
use axum::extract::State;
use domain::CallId;

use crate::ledger::Page;

use super::fields::QueryFields;
use super::show_account::{account_id, find};
use super::view::{ListView, ReceiptView};
use super::{AdminError, AdminState};

/// Receipts on a page when nobody says.
const LIMIT_DEFAULT: u32 = 50;

/// One page. Its `next_cursor` is the last call on it, when there may be more.
pub(super) async fn list_receipts(
    State(state): State<AdminState>,
    QueryFields(mut fields): QueryFields,
) -> Result<Json<ListView<ReceiptView>>, AdminError> {
    let account = fields.text("account")?;
    let limit = fields.optional_text("limit")?.map_or(Ok(LIMIT_DEFAULT), |text| parse_limit(&text))?;
    let before = fields.optional_text("cursor")?.map(|text| parse_cursor(&text)).transpose()?;
    fields.finish()?;
    let account = find(&state, account_id(&account)?)?;
    // One more than asked for tells whether there is a next page.
    let mut receipts = state.ledger.receipts(account.id, Page { limit: limit + 1, before }).await?;
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = receipts.len() > kept;
    receipts.truncate(kept);
    let next = receipts.last().filter(|_| more).map(|last| last.receipt.call.to_string());
    Ok(Json(ListView::new(receipts.iter().map(ReceiptView::of).collect(), next)))
}

fn parse_limit(text: &str) -> Result<u32, AdminError> {
    let most = Page::LIMIT_MAX - 1;
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| AdminError::invalid("limit", format!("'limit' must be from 1 to {most}.")))
}

fn parse_cursor(text: &str) -> Result<CallId, AdminError> {
    text.parse()
        .map_err(|_| AdminError::invalid("cursor", "'cursor' must be the next_cursor of a page before."))
}
