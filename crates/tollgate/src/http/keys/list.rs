//! `GET /v1/keys?limit=&cursor=`: the keys of the account, oldest first, never with a secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::key_page::page;
use crate::http::{Caller, Management, QueryParams};
use crate::view::{KeyView, ListView};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct KeysQuery {
    /// Keys on a page; 50 when nobody says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Keys of the account
///
/// Revoked ones included, oldest first. Without their secrets, which nobody has any more.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "Keys",
    params(KeysQuery),
    responses((status = 200, body = ListView<KeyView>))
)]
pub(in crate::http) async fn list(
    Caller(principal): Caller<Management>,
    State(worker): State<Arc<Worker>>,
    QueryParams(query): QueryParams<KeysQuery>,
) -> Result<Json<ListView<KeyView>>, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    let now_ms = gateway.clock.now_ms();
    page(&gateway.keys, account, query.limit, query.cursor.as_deref(), now_ms).map(Json)
}
