//! `GET /admin/activity`: calls one by one, of one account or of all.

use axum::extract::State;
use axum::response::Response;
use hyper::header::HeaderMap;

use crate::http::activity_reply::{Asked, Format, reply};
use crate::http::calls_query::{AccountText, Text, calls_query};
use crate::http::{Admin, ApiError, Caller, QueryParams};
use crate::ledger::StoredReceipt;
use crate::ledger::usage::Calls;

use super::AdminState;
use super::view::{ActivityView, ReceiptView};

calls_query! {
    /// Which calls.
    ActivityQuery {
        /// Calls of the account with this id; of all when nobody says.
        #[param(value_type = Option<String>)]
        account: Option<AccountText>,
        /// Calls of this session, as `x-tollgate-session` named it.
        #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
        session: Option<Text>,
        /// Calls with this label, as `x-tollgate-label` named it.
        #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
        label: Option<Text>,
        /// A page of JSON, or everything as `csv` or `jsonl`.
        #[param(inline)]
        format: Option<Format>,
        /// Calls on a page; 50 when nobody says.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u32>,
        /// The `next_cursor` of the page before.
        cursor: Option<String>,
    }
}

/// Calls, one by one
///
/// Newest first, in the order in which they ended. A page is the same however many calls come meanwhile. Exports stream
/// everything from `cursor` on; `Accept: text/csv` and `application/jsonl` ask for them as well.
#[utoipa::path(
    get,
    path = "/admin/activity",
    tag = "Usage",
    params(ActivityQuery),
    responses(
        (status = 200, content(
            (ActivityView<ReceiptView> = "application/json"),
            (String = "text/csv"),
            (String = "application/jsonl"),
        )),
        (status = 503),
    )
)]
pub(super) async fn list_activity(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<ActivityQuery>,
) -> Result<Response, ApiError> {
    let all = Calls { account: query.account.map(|account| account.0), ..Calls::default() };
    let calls = query.calls(&all).map(|calls| Calls {
        session: query.session.as_ref().map(|text| text.0.clone()),
        label: query.label.as_ref().map(|text| text.0.clone()),
        ..calls
    });
    let asked = Asked { format: query.format, limit: query.limit, cursor: query.cursor.as_deref() };
    reply(&state.ledger, &headers, calls, asked, |stored: StoredReceipt| ReceiptView::of(&stored)).await
}
