//! `GET /v1/key`: what the key that is shown is, in OpenRouter's shape.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::AccountKind;
use hyper::header::HeaderMap;
use serde::Serialize;

use super::ApiError;
use crate::gateway::Worker;
use crate::pipeline::authenticate;
use crate::usd::Usd;

#[derive(Serialize)]
pub(super) struct KeyReply {
    data: KeyData,
}

/// `limit` and `usage` are the account's: keys have no cap of their own. `null` means no cap.
#[derive(Serialize)]
struct KeyData {
    id: String,
    label: String,
    prefix: String,
    account_id: String,
    limit: Option<Usd>,
    limit_remaining: Option<Usd>,
    usage: Usd,
    is_free_tier: bool,
}

pub(super) async fn show(
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
) -> Result<Json<KeyReply>, ApiError> {
    let principal = authenticate(&worker.gateway, &headers)?;
    let balance = principal.account.balance();
    let prepaid = principal.account.kind == AccountKind::Prepaid;
    Ok(Json(KeyReply {
        data: KeyData {
            id: principal.key.id.to_string(),
            label: principal.key.name.to_string(),
            prefix: principal.key.prefix.to_string(),
            account_id: principal.account.id.to_string(),
            limit: prepaid.then_some(Usd(balance.granted)),
            limit_remaining: prepaid.then_some(Usd(balance.available)),
            usage: Usd(balance.spent),
            is_free_tier: false,
        },
    }))
}
