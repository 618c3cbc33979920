//! `GET /v1/key`: what the key that is shown is, what it may use and what it has used, in OpenRouter's shape.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::{AccountKind, Limits, Money, PerPeriod, Period};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Caller, Key};
use super::key_fields::Reset;
use crate::error::{ApiError, Refusal};
use crate::gateway::Worker;
use crate::ledger::Labels;
use crate::limits::LimitFields;
use crate::pipeline::Principal;
use crate::time::rfc3339;
use crate::usd::Usd;
use crate::view::CountsView;

/// A key, as it sees itself.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyReply {
    data: KeyData,
}

/// `limit` is the key's own cap or its plan's; where there is none, it is all that was granted to the account. `null`
/// means no cap.
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
    /// What can be spent, of the cap or of all grants.
    limit: Option<Usd>,
    /// What can be spent now.
    limit_remaining: Option<Usd>,
    /// What calls of this key have cost.
    usage: Usd,
    /// Of those, today's.
    usage_daily: Usd,
    /// This week's, from Monday.
    usage_weekly: Usd,
    /// This month's.
    usage_monthly: Usd,
    /// `daily`, `weekly` or `monthly`, for a cap that starts anew.
    limit_reset: Option<&'static str>,
    /// `user` or `management`.
    role: &'static str,
    /// Whether the key may manage those of its account.
    is_management_key: bool,
    /// Whether the account is on a trial.
    is_free_tier: bool,
    /// The limits in force: the key's own and its plan's, whichever is stricter.
    limits: LimitFields,
    /// What the key has used.
    used: CountsView,
    /// The models that the key may call; `null` is all of its plan.
    models: Option<Vec<String>>,
    /// When the key stops working.
    expires_at: Option<String>,
    /// What is noted about the key.
    labels: Labels,
}

/// The key that is shown
#[utoipa::path(get, path = "/v1/key", tag = "Account", responses((status = 200, body = KeyReply)))]
pub(super) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
) -> Result<Json<KeyReply>, ApiError> {
    let gateway = &worker.gateway;
    let Principal { key, account, .. } = &principal;
    let allowance = gateway.plans.allowance(account, key).map_err(|missing| Refusal::NoPlan(missing.0))?;
    let limits = allowance.limits.key;
    let used = key.meter.counts(gateway.clock.now_ms());
    let spent = PerPeriod::from_fn(|period| used[period].spend);
    let cap = tightest_cap(&limits, &spent);
    let balance = account.balance();
    let prepaid = account.kind == AccountKind::Prepaid;
    let left = [cap.map(|cap| cap.left), prepaid.then_some(balance.available)].into_iter().flatten().min();
    let models = key.rights.models.as_ref();
    let data = KeyData {
        id: key.id.to_string(),
        label: key.name.clone(),
        prefix: key.prefix.clone(),
        account_id: account.id.to_string(),
        limit: cap.map(|cap| cap.amount).or(prepaid.then_some(balance.granted)).map(Usd),
        limit_remaining: left.map(Usd),
        usage: Usd(spent[Period::Total]),
        usage_daily: Usd(spent[Period::Day]),
        usage_weekly: Usd(spent[Period::Week]),
        usage_monthly: Usd(spent[Period::Month]),
        limit_reset: cap.and_then(|cap| Reset::word(cap.period)),
        role: key.rights.role.as_str(),
        is_management_key: key.rights.role == domain::KeyRole::Management,
        is_free_tier: account.terms().trial_ends_at_ms.is_some(),
        limits: LimitFields::from(&limits),
        used: CountsView::of(&used),
        models: models.map(|models| models.patterns().map(str::to_owned).collect()),
        expires_at: key.rights.expires_at_ms.map(rfc3339),
        labels: key.labels.clone(),
    };
    Ok(Json(KeyReply { data }))
}

/// A cap on spending.
#[derive(Clone, Copy)]
struct Cap {
    period: Period,
    amount: Money,
    left: Money,
}

/// The cap of which the least is left.
fn tightest_cap(limits: &Limits, spent: &PerPeriod<Money>) -> Option<Cap> {
    let caps = limits.quotas.iter().filter_map(|(period, quota)| {
        let amount = quota.spend?;
        Some(Cap { period, amount, left: amount.saturating_sub(spent[period]) })
    });
    caps.min_by_key(|cap| cap.left)
}
