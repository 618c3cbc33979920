//! `GET /v1/conversations/{id}/items/{item}`: one item of a conversation.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use wire::responses::shown_item;

use super::find;
use super::place::{ItemPlace, no_item};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::http::{Caller, Key};

/// One item of a conversation
#[utoipa::path(
    get,
    path = "/v1/conversations/{conversation}/items/{item}",
    tag = "Conversations",
    params(
        ("conversation" = String, Path, description = "The conversation's id."),
        ("item" = String, Path, description = "The item's id."),
    ),
    responses((status = 200, body = serde_json::Value), (status = 503))
)]
pub(in crate::http) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    ItemPlace(id, item): ItemPlace,
) -> Result<Response, ApiError> {
    let (gateway, account) = (&worker.gateway, principal.account.id);
    find(gateway, account, id).await?;
    let item = gateway.ledger.conversation_item(account, id, &item).await?.ok_or_else(no_item)?;
    let mut response = Response::new(Body::from(shown_item(&item.body).into_owned()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
