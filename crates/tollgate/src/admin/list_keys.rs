//! `GET /admin/keys?account=&limit=&cursor=`: the keys of an account, oldest first.

use axum::Json;
use axum::extract::State;
use domain::AccountId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::http::key_page::page;
use crate::http::{Admin, Caller, Named, QueryParams};

use super::AdminState;
use super::show_account::find;
use crate::view::{KeyView, ListView};

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysQuery {
    /// The account's id.
    account: String,
    /// Keys on a page; 50 when nobody says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Keys of an account
///
/// Revoked ones included, oldest first. Without their secrets, which nobody has any more.
#[utoipa::path(
    get,
    path = "/admin/keys",
    tag = "Keys",
    params(KeysQuery),
    responses((status = 200, body = ListView<KeyView>), (status = 404))
)]
pub(super) async fn list_keys(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    QueryParams(query): QueryParams<KeysQuery>,
) -> Result<Json<ListView<KeyView>>, ApiError> {
    let account = find(&state, query.account.parse().map_err(|_| AccountId::unknown())?)?;
    page(&state.keys, account.id, query.limit, query.cursor.as_deref(), state.now_ms()).map(Json)
}
