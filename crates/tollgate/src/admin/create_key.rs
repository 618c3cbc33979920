//! `POST /admin/accounts/{id}/keys`: makes a key and shows its secret, this once.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::field::Name;
use crate::http::{Admin, Caller, JsonBody, PathId};

use super::view::{KeyView, NewKeyView};
use super::{AdminError, AdminState};

/// A new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    /// What people call it.
    name: Name,
}

/// Make a key
///
/// The answer alone has its secret, this once.
#[utoipa::path(
    post,
    path = "/admin/accounts/{account}/keys",
    tag = "Keys",
    params(("account" = String, Path, description = "The account's id.")),
    request_body = KeyBody,
    responses((status = 200, body = NewKeyView), (status = 500), (status = 503))
)]
pub(super) async fn create_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
    JsonBody(KeyBody { name }): JsonBody<KeyBody>,
) -> Result<Response, AdminError> {
    let (key, secret) = state.keys.create(account, name.into_string().as_str()).await?;
    let view = NewKeyView { key: KeyView::of(&key), secret: secret.expose().to_owned() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)).into_response())
}
