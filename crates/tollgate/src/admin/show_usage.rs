//! `GET /admin/usage`: what calls came to, interval by interval, of one account or of all.

use axum::Json;
use axum::extract::State;

use crate::error::ApiError;
use crate::http::calls_query::AccountText;
use crate::http::usage_reply::{reply, usage_query};
use crate::http::{Admin, Caller, QueryParams};
use crate::ledger::usage::Calls;

use super::AdminState;
use crate::view::UsageView;

usage_query!(UsageQuery {
    /// Calls of the account with this id; of all when nobody says.
    #[param(value_type = Option<String>)]
    account: Option<AccountText>,
});

/// Usage over time
///
/// Requests, errors, tokens, cost, and how fast it went. `from` and `to` are widened to whole intervals of UTC.
/// At most 10,000 points: a series of more is refused with `too_many_points`. A year by day and key is that many for 27
/// keys; with more, ask by month, for fewer days, or for one key at a time.
#[utoipa::path(
    get,
    path = "/admin/usage",
    tag = "Usage",
    params(UsageQuery),
    responses((status = 200, body = UsageView<String>), (status = 503))
)]
pub(super) async fn show_usage(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    QueryParams(query): QueryParams<UsageQuery>,
) -> Result<Json<UsageView<String>>, ApiError> {
    let all = Calls { account: query.account.map(|account| account.0), ..Calls::default() };
    reply(&state.ledger, query.asked(&all), |money| money.to_string()).await
}
