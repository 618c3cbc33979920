//! `POST /admin/accounts/{id}/keys`: makes a key and shows its secret, this once.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use super::fields::JsonFields;
use super::show_account::account_id;
use super::view::{KeyView, NewKeyView};
use super::{AdminError, AdminState};

/// `{name}`.
pub(super) async fn create_key(
    State(state): State<AdminState>,
    Path(account): Path<String>,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, AdminError> {
    let account = account_id(&account)?;
    let name = fields.name("name")?;
    fields.finish()?;
    let (key, secret) = state.keys.create(account, &name).await?;
    let view = NewKeyView { key: KeyView::of(&key), secret: secret.expose().to_owned() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)).into_response())
}
