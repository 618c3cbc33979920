//! Activity as it is answered: a page of JSON, or an export that streams.

use std::io;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::csv;
use crate::error::ApiError;
use crate::ledger::usage::{Calls, Cursor};
use crate::ledger::{Ledger, LedgerError, RECEIPTS_MAX, StoredReceipt};
use crate::view::ActivityView;

/// Calls on a page when nobody says.
const LIMIT_DEFAULT: u32 = 50;

/// Calls of one export: some hundred megabytes, and some seconds. Longer ones can be asked for month by month. An export
/// that grows beyond it, by the calls that came since they were counted, is broken off.
const EXPORT_CALLS_MAX: u64 = 1_000_000;

/// How activity is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A page.
    Json,
    /// All of it, as comma-separated values with a line of headings.
    Csv,
    /// All of it, as one JSON object per line.
    Jsonl,
}

impl Format {
    /// What is asked for, else the first format that `Accept` names.
    fn of(asked: Option<Format>, headers: &HeaderMap) -> Format {
        let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let named = accepted.flat_map(|list| list.split(',')).find_map(|range| {
            match range.split(';').next().unwrap_or_default().trim() {
                "application/json" => Some(Format::Json),
                "text/csv" => Some(Format::Csv),
                "application/jsonl" | "application/x-ndjson" => Some(Format::Jsonl),
                _ => None,
            }
        });
        asked.or(named).unwrap_or(Format::Json)
    }
}

/// What a query says.
pub(crate) struct Asked<'a> {
    /// `None` when the filters contradict each other.
    pub(crate) calls: Option<Calls>,
    pub(crate) format: Option<Format>,
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<&'a str>,
}

/// Answers with the calls, each written by `view`; with none of them when the filters contradict each other.
pub(crate) async fn reply<T: Serialize + 'static>(
    ledger: &Ledger,
    headers: &HeaderMap,
    asked: Asked<'_>,
    view: fn(StoredReceipt) -> T,
) -> Result<Response, ApiError> {
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=RECEIPTS_MAX).contains(&limit) {
        return Err(invalid(format!("'limit' must be from 1 to {}.", RECEIPTS_MAX)).param("limit"));
    }
    let wrong_cursor = || invalid("'cursor' must be the next_cursor of a page before.").param("cursor");
    let cursor = asked.cursor.map(|text| Cursor::parse(text).ok_or_else(wrong_cursor)).transpose()?;
    let format = Format::of(asked.format, headers);
    let calls = asked.calls;
    let total = match &calls {
        Some(calls) => ledger.activity_total(calls.clone()).await.map_err(failed)?,
        None => 0,
    };
    if format != Format::Json {
        if total > EXPORT_CALLS_MAX {
            let message = format!("These are {total} calls; an export has at most {EXPORT_CALLS_MAX}.");
            return Err(ApiError::invalid(StatusCode::BAD_REQUEST, "export_too_large", message));
        }
        let left = EXPORT_CALLS_MAX;
        let export = Export { ledger: ledger.clone(), calls, cursor, left, format, view, begun: false };
        return Ok(export.into_response());
    }
    let activity = match calls {
        Some(calls) => ledger.activity(calls, cursor, limit).await.map_err(failed)?,
        None => crate::ledger::usage::Activity { receipts: Vec::new(), next: None },
    };
    Ok(Json(ActivityView {
        object: "list".to_owned(),
        data: activity.receipts.into_iter().map(view).collect(),
        next_cursor: activity.next.map(Cursor::to_text),
        total,
    })
    .into_response())
}

/// Everything, read and written page by page as fast as the client takes it.
struct Export<T> {
    ledger: Ledger,
    /// `None` after the last page.
    calls: Option<Calls>,
    cursor: Option<Cursor>,
    /// Calls that may still be written before it is broken off. Their number ends no export, since calls that come
    /// meanwhile push the oldest ones back: it ends after the page without a next one.
    left: u64,
    format: Format,
    view: fn(StoredReceipt) -> T,
    begun: bool,
}

impl<T: Serialize + 'static> Export<T> {
    fn into_response(self) -> Response {
        let (kind, disposition) = match self.format {
            Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"activity.csv\""),
            _ => ("application/jsonl", "attachment; filename=\"activity.jsonl\""),
        };
        let pages = stream::unfold(self, |mut export| async {
            match export.next_page().await {
                Ok(page) => Some((Ok(page?), export)),
                Err(error) => {
                    tracing::warn!(%error, "an export of activity was cut off");
                    export.calls = None;
                    // The client sees a broken transfer, which no complete export is.
                    Some((Err(io::Error::other("the export failed")), export))
                }
            }
        });
        ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, disposition)], Body::from_stream(pages)).into_response()
    }

    async fn next_page(&mut self) -> Result<Option<Bytes>, LedgerError> {
        let mut page = String::new();
        if !self.begun && self.format == Format::Csv {
            page.push_str(csv::HEADINGS);
        }
        let begins = !std::mem::replace(&mut self.begun, true);
        let Some(calls) = self.calls.clone() else {
            return Ok((begins && !page.is_empty()).then(|| page.into()));
        };
        if self.left == 0 {
            return Err(io::Error::other("more calls than an export may have").into());
        }
        let limit = u32::try_from(self.left).unwrap_or(u32::MAX).min(RECEIPTS_MAX);
        let activity = self.ledger.activity(calls, self.cursor, limit).await?;
        self.left = self.left.saturating_sub(activity.receipts.len() as u64);
        self.cursor = activity.next;
        if self.cursor.is_none() {
            self.calls = None;
        }
        for receipt in activity.receipts {
            match self.format {
                Format::Csv => csv::write(&mut page, &receipt),
                _ => {
                    let line = serde_json::to_string(&(self.view)(receipt)).map_err(io::Error::from)?;
                    page.push_str(&line);
                    page.push('\n');
                }
            }
        }
        Ok(Some(page.into()))
    }
}

/// What a failed question about usage is to a client.
pub(crate) fn failed(error: LedgerError) -> ApiError {
    let message = error.to_string();
    match error {
        LedgerError::TooManyPoints(_) => {
            ApiError::invalid(StatusCode::BAD_REQUEST, "too_many_points", message)
        }
        LedgerError::TooSlow => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "query_too_slow", message)
        }
        error => {
            tracing::warn!(%error, "usage could not be read");
            let message = "Usage cannot be read at the moment.";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "usage_unavailable", message)
        }
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::StreamExt;
    use futures_util::future::join_all;
    use hyper::header::HeaderMap;

    use super::{Asked, Export, Format, reply};
    use crate::ledger::tests::{Books, money, receipt};
    use crate::ledger::usage::Calls;
    use crate::ledger::{Account, Ledger, RECEIPTS_MAX, StoredReceipt};

    async fn settle(ledger: &Ledger, account: &Arc<Account>, calls: std::ops::Range<u128>) {
        // All at once, in that order: the writer commits them in few batches.
        let settled = calls.map(|call| {
            let mut admission = ledger.try_admit(account).unwrap();
            admission.hold(money(1)).unwrap();
            admission.settle(receipt(account.id, call, 0))
        });
        for settled in join_all(settled).await {
            settled.unwrap();
        }
    }

    fn number(stored: StoredReceipt) -> u128 {
        let StoredReceipt { receipt, .. } = stored;
        receipt.call.to_bits()
    }

    fn numbers(body: &[u8]) -> Vec<u128> {
        std::str::from_utf8(body).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_export_loses_no_call_while_others_arrive() {
        let books = Books::open();
        let account = books.account(10_000).await;
        let oldest_page = u128::from(RECEIPTS_MAX);
        settle(&books.ledger, &account, 1..oldest_page + 2).await;
        let all = Calls { account: Some(account.id), ..Calls::default() };
        let asked = Asked { calls: Some(all), format: Some(Format::Jsonl), limit: None, cursor: None };
        let response = reply(&books.ledger, &HeaderMap::new(), asked, number).await.unwrap();
        // They were counted; nothing is read yet.
        settle(&books.ledger, &account, 5_000..5_010).await;
        let mut pages = response.into_body().into_data_stream();
        let mut found = numbers(&pages.next().await.unwrap().unwrap());
        settle(&books.ledger, &account, 6_000..6_010).await;
        while let Some(page) = pages.next().await {
            found.extend(numbers(&page.unwrap()));
        }
        let expected: Vec<_> = (1..oldest_page + 2).chain(5_000..5_010).rev().collect();
        assert_eq!(found, expected);
        books.close().await;
    }

    #[tokio::test]
    async fn an_export_that_grows_too_long_is_broken_off() {
        let books = Books::open();
        let account = books.account(10_000).await;
        settle(&books.ledger, &account, 1..4).await;
        for (left, whole) in [(2, false), (3, true)] {
            let export = Export {
                ledger: books.ledger.clone(),
                calls: Some(Calls { account: Some(account.id), ..Calls::default() }),
                cursor: None,
                left,
                format: Format::Csv,
                view: number,
                begun: false,
            };
            let pages: Vec<_> = export.into_response().into_body().into_data_stream().collect().await;
            assert_eq!(pages.iter().all(Result::is_ok), whole, "{left} may be written: {pages:?}");
        }
        books.close().await;
    }
}
