//! `/v1/responses`: calls, and the responses that are stored of them.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod input_items;
pub(super) mod input_tokens;
mod schema;
pub(super) mod show;

use axum::body::Body;
use axum::response::Response;
use domain::{AccountId, CallId};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use wire::responses::object;

use super::ids::ResponseId;
use super::input::Named;
use super::item_page::no_page;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::ledger::sessions::{StoredTurn, TurnStatus};

/// The stored response of a call, whole, as its account sees it.
async fn stored(gateway: &Gateway, account: AccountId, call: CallId) -> Result<Response, ApiError> {
    let turn = find(gateway, account, call).await?;
    let output = gateway.ledger.output_items(account, call).await.map_err(no_page::<ResponseId>)?;
    let output: Vec<&str> = output.iter().map(|item| item.body.as_str()).collect();
    Ok(json(object(&head(&turn), &output)))
}

async fn find(gateway: &Gateway, account: AccountId, call: CallId) -> Result<StoredTurn, ApiError> {
    gateway.ledger.response(account, call).await?.ok_or_else(ResponseId::unknown)
}

/// The head of a response. It was stored with the status that the response had then.
fn head(turn: &StoredTurn) -> String {
    let Ok(Value::Object(mut head)) = serde_json::from_str(&turn.head) else { return turn.head.clone() };
    if head.get("status").and_then(Value::as_str) == Some(turn.status.as_str()) {
        return turn.head.clone();
    }
    head.insert("status".to_owned(), turn.status.as_str().into());
    if turn.status == TurnStatus::Failed {
        let message = "The response was interrupted: the gateway was stopped.";
        head.insert("error".to_owned(), serde_json::json!({"code": "server_error", "message": message}));
    }
    Value::Object(head).to_string()
}

fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
