//! `GET /v1/responses/{id}/input_items`: what a call brought.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::ids::ResponseId;
use crate::http::item_page::{Items, ItemsPage, ItemsQuery, no_page};
use crate::http::{Caller, Key, PathId, QueryParams};

/// The input of a response
///
/// The items that the call brought itself, without those that were there before.
#[utoipa::path(
    get,
    path = "/v1/responses/{response}/input_items",
    tag = "Responses",
    params(("response" = String, Path, description = "The response's id."), ItemsQuery),
    responses((status = 200, body = Items), (status = 503))
)]
pub(in crate::http) async fn list(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    PathId(ResponseId(call)): PathId<ResponseId>,
    QueryParams(query): QueryParams<ItemsQuery>,
) -> Result<Response, ApiError> {
    let items = worker.gateway.ledger.input_items(principal.account.id, call, query.page()).await;
    Ok(ItemsPage(items.map_err(no_page::<ResponseId>)?).into())
}
