//! `GET /v1/credits`: the account's money, in OpenRouter's shape and with the balance in full.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::Balance;
use hyper::header::HeaderMap;
use serde::Serialize;

use super::ApiError;
use crate::gateway::Worker;
use crate::pipeline::authenticate;
use crate::usd::Usd;

#[derive(Serialize)]
pub(super) struct Credits {
    data: CreditsData,
}

/// US dollars as JSON numbers, as OpenRouter has them, written exactly.
#[derive(Serialize)]
struct CreditsData {
    total_credits: Usd,
    total_usage: Usd,
    available: Usd,
    held: Usd,
}

pub(super) async fn show(
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
) -> Result<Json<Credits>, ApiError> {
    let principal = authenticate(&worker.gateway, &headers)?;
    let Balance { granted, available, held, spent } = principal.account.balance();
    Ok(Json(Credits {
        data: CreditsData {
            total_credits: Usd(granted),
            total_usage: Usd(spent),
            available: Usd(available),
            held: Usd(held),
        },
    }))
}
