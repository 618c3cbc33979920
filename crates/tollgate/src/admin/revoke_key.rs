//! `DELETE /admin/keys/{id}`: revokes a key, at once. Again, it answers the same.

use axum::Json;
use axum::extract::{Path, State};

use crate::ledger::LedgerError;

use super::view::KeyView;
use super::{AdminError, AdminState};

/// The key, with the time of its first revocation.
pub(super) async fn revoke_key(
    State(state): State<AdminState>,
    Path(key): Path<String>,
) -> Result<Json<KeyView>, AdminError> {
    let unknown = || AdminError::Ledger(LedgerError::UnknownKey);
    let key = key.parse().ok().and_then(|id| state.keys.get(id)).ok_or_else(unknown)?;
    let revoked = state.keys.revoke(key.account, key.id).await?;
    Ok(Json(KeyView::of(&revoked)))
}
