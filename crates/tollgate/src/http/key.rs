//! `GET /v1/key`: what the key that is shown is, in OpenRouter's shape.

use axum::Json;
use domain::AccountKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Caller, Key};
use crate::usd::Usd;

/// A key, as it sees itself.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyReply {
    data: KeyData,
}

/// `limit` and `usage` are the account's: keys have no cap of their own. `null` means no cap.
#[derive(Serialize, ToSchema)]
struct KeyData {
    /// `key_…`.
    id: String,
    /// What people call it.
    label: String,
    /// The visible beginning of its secret.
    prefix: String,
    /// Whose it is.
    account_id: String,
    /// All that was ever granted.
    limit: Option<Usd>,
    /// What can be spent now.
    limit_remaining: Option<Usd>,
    /// What calls have cost.
    usage: Usd,
    /// Always `false`.
    is_free_tier: bool,
}

/// The key that is shown
#[utoipa::path(get, path = "/v1/key", tag = "Account", responses((status = 200, body = KeyReply)))]
pub(super) async fn show(Caller(principal): Caller<Key>) -> Json<KeyReply> {
    let balance = principal.account.balance();
    let prepaid = principal.account.kind == AccountKind::Prepaid;
    Json(KeyReply {
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
    })
}
