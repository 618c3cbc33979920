//! `PATCH /admin/accounts/{id}`: changes the plan of an account, or the end of its trial, at once.

use axum::Json;
use axum::extract::State;
use domain::{AccountId, Plan};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::field::{Time, given};
use crate::http::{Admin, Caller, JsonBody, PathId};
use crate::ledger::Terms;

use super::{AdminError, AdminState};
use crate::view::AccountView;

/// What changes. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    /// The name of its set of limits; `null` for none. A trial plan starts its trial, without credit; another plan ends
    /// a trial.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    plan: Option<Option<String>>,
    /// When its trial ends, in the past or in the future; `null` when it is on no trial.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    trial_ends_at: Option<Option<Time>>,
}

/// Change an account
///
/// Calls in flight go on under the terms that they began with.
#[utoipa::path(
    patch,
    path = "/admin/accounts/{account}",
    tag = "Accounts",
    params(("account" = String, Path, description = "The account's id.")),
    request_body = ChangeBody,
    responses((status = 200, body = AccountView), (status = 500), (status = 503))
)]
pub(super) async fn change_account(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
    JsonBody(ChangeBody { plan, trial_ends_at }): JsonBody<ChangeBody>,
) -> Result<Json<AccountView>, AdminError> {
    let plan = match plan {
        Some(Some(name)) => Some(Some(state.plan(&name)?)),
        Some(None) => Some(None),
        None => None,
    };
    let now_ms = state.ledger.now_ms();
    let change = move |mut terms: Terms| {
        if let Some(plan) = plan {
            let name = plan.as_ref().map(|plan| plan.name.clone());
            if terms.plan != name {
                let trial = plan.as_deref().and_then(|plan: &Plan| plan.trial.as_ref());
                terms.trial_ends_at_ms = trial.map(|trial| trial.ends_at_ms(now_ms));
                terms.plan = name;
            }
        }
        if let Some(ends_at) = trial_ends_at {
            terms.trial_ends_at_ms = ends_at.map(|time| time.0);
        }
        terms
    };
    let account = state.ledger.change_terms(account, change).await?;
    Ok(Json(AccountView::of(&account)))
}
