//! `GET /admin/receipts/{call_id}`: one receipt.

use axum::Json;
use axum::extract::{Path, State};

use super::view::ReceiptView;
use super::{AdminError, AdminState};

/// The receipt of that call, whoever's it is.
pub(super) async fn show_receipt(
    State(state): State<AdminState>,
    Path(call): Path<String>,
) -> Result<Json<ReceiptView>, AdminError> {
    let unknown = || AdminError::NotFound("There is no receipt of such a call.".to_owned());
    let call = call.parse().map_err(|_| unknown())?;
    let receipt = state.ledger.anyones_receipt(call).await?.ok_or_else(unknown)?;
    Ok(Json(ReceiptView::of(&receipt)))
}
