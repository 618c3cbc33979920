//! `GET /admin/receipts/{call_id}`: one receipt.

use axum::Json;
use axum::extract::State;
use domain::CallId;

use crate::error::ApiError;
use crate::http::{Admin, Caller, Named, PathId};

use super::{AdminError, AdminState};
use crate::view::ReceiptView;

/// One receipt
///
/// Whoever's call it was.
#[utoipa::path(
    get,
    path = "/admin/receipts/{call}",
    tag = "Receipts",
    params(("call" = String, Path, description = "The call's id.")),
    responses((status = 200, body = ReceiptView), (status = 500), (status = 503))
)]
pub(super) async fn show_receipt(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(call): PathId<CallId>,
) -> Result<Json<ReceiptView>, ApiError> {
    let found = state.ledger.anyones_receipt(call).await.map_err(AdminError::from)?;
    found.map(|receipt| Json(ReceiptView::of(&receipt))).ok_or_else(CallId::unknown)
}
