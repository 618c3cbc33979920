//! `POST /admin/usage/rebuild`: computes the rollups of usage anew.

use axum::Json;
use axum::extract::State;

use crate::http::{Admin, Caller};

use super::{AdminError, AdminState};
use crate::view::RebuiltView;

/// Rebuild the rollups
///
/// Compares every row with the receipts that are still there, and mends what differs. Rows of days whose receipts were
/// deleted stay. Calls are served meanwhile.
#[utoipa::path(
    post,
    path = "/admin/usage/rebuild",
    tag = "Usage",
    responses((status = 200, body = RebuiltView), (status = 500), (status = 503))
)]
pub(super) async fn rebuild_usage(
    _: Caller<Admin>,
    State(state): State<AdminState>,
) -> Result<Json<RebuiltView>, AdminError> {
    Ok(Json(RebuiltView::of(state.ledger.rebuild_usage().await?)))
}
