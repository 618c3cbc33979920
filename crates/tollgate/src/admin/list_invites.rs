//! `GET /admin/invites?limit=&cursor=`: invites, newest first, with what became of them.

use axum::Json;
use axum::extract::State;
use domain::InviteId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Admin, Caller, QueryParams};
use crate::ledger::INVITES_PAGE_MAX;

use super::{AdminError, AdminState};
use crate::view::{InviteView, ListView};

/// Invites on a page when nobody says.
const LIMIT_DEFAULT: u32 = 50;

/// Which invites.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitesQuery {
    /// Invites on a page; 50 when nobody says.
    #[param(minimum = 1, maximum = 999)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Invites
///
/// Newest first, used, revoked and expired ones included. `next_cursor` is there while there are more.
#[utoipa::path(
    get,
    path = "/admin/invites",
    tag = "Invites",
    params(InvitesQuery),
    responses((status = 200, body = ListView<InviteView>), (status = 500), (status = 503))
)]
pub(super) async fn list_invites(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    QueryParams(query): QueryParams<InvitesQuery>,
) -> Result<Json<ListView<InviteView>>, AdminError> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    // One more than asked for tells whether there is a next page.
    let most = INVITES_PAGE_MAX - 1;
    if !(1..=most).contains(&limit) {
        return Err(AdminError::invalid("limit", format!("'limit' must be from 1 to {most}.")));
    }
    let no_cursor = |_| AdminError::invalid("cursor", "'cursor' must be the next_cursor of a page before.");
    let before = query.cursor.map(|text| text.parse::<InviteId>()).transpose().map_err(no_cursor)?;
    let mut rows = state.ledger.invites(before, limit + 1).await?;
    let kept = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > kept;
    rows.truncate(kept);
    let next = rows.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(ListView::new(rows.iter().map(InviteView::of).collect(), next)))
}
