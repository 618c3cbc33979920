//! `GET /admin/activity`: calls one by one, of one account or of all.

use axum::extract::State;
use axum::response::Response;
use hyper::header::HeaderMap;

use crate::error::ApiError;
use crate::http::activity_reply::reply;
use crate::http::calls_query::{AccountText, activity_query};
use crate::http::{Admin, Caller, QueryParams};
use crate::ledger::StoredReceipt;
use crate::ledger::usage::Calls;

use super::AdminState;
use crate::view::{ActivityView, ReceiptView};

activity_query!(ActivityQuery {
    /// Calls of the account with this id; of all when nobody says.
    #[param(value_type = Option<String>)]
    account: Option<AccountText>,
});

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
    reply(&state.ledger, &headers, query.asked(&all), |stored: StoredReceipt| ReceiptView::of(&stored)).await
}
