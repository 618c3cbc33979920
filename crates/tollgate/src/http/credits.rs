//! `GET /v1/credits`: the account's money, in OpenRouter's shape and with the balance in full.

use axum::Json;
use domain::Balance;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Caller, Key};
use crate::usd::Usd;

/// The account's money.
#[derive(Serialize, ToSchema)]
pub(super) struct Credits {
    data: CreditsData,
}

/// US dollars as JSON numbers, as OpenRouter has them, written exactly.
#[derive(Serialize, ToSchema)]
struct CreditsData {
    /// All that was ever granted.
    total_credits: Usd,
    /// What calls have cost.
    total_usage: Usd,
    /// What can be spent now.
    available: Usd,
    /// What calls in flight reserve.
    held: Usd,
}

/// Credit of the account
#[utoipa::path(get, path = "/v1/credits", tag = "Account", responses((status = 200, body = Credits)))]
pub(super) async fn show(Caller(principal): Caller<Key>) -> Json<Credits> {
    let Balance { granted, available, held, spent } = principal.account.balance();
    Json(Credits {
        data: CreditsData {
            total_credits: Usd(granted),
            total_usage: Usd(spent),
            available: Usd(available),
            held: Usd(held),
        },
    })
}
