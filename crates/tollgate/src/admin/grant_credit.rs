//! `POST /admin/accounts/{id}/grants`: grants credit, once per reference.

use axum::extract::State;
use axum::response::Response;
use domain::{AccountId, PlanName};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::field::Amount;
use crate::http::{Admin, Caller, OnceBody, OnceHeader, PathId};

use super::{AdminError, AdminState};
use crate::view::GrantView;

/// The ledger's own bound.
const REFERENCE_BYTES_MAX: usize = 255;

/// A grant of credit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantBody {
    /// How much, in US dollars.
    amount: Amount,
    /// The caller's name for it. The same again gives the same answer and no second grant.
    reference: Reference,
    /// Whether somebody paid for it, which is so unless it is `false`. Paid credit ends a trial: the account keeps its
    /// keys and its credit, and has the plan from then on that its trial plan names, or none; a plan that is no trial
    /// stays. Other credit is a gift, and a trial goes on.
    paid: Option<bool>,
}

/// 1 to 255 bytes without control characters.
#[derive(Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 255, examples("invoice 17"))]
struct Reference(String);

impl TryFrom<String> for Reference {
    type Error = String;

    fn try_from(text: String) -> Result<Reference, String> {
        let fits = (1..=REFERENCE_BYTES_MAX).contains(&text.len());
        if !fits || text.chars().any(char::is_control) {
            return Err(format!(
                "a reference has 1 to {REFERENCE_BYTES_MAX} bytes and no control characters"
            ));
        }
        Ok(Reference(text))
    }
}

/// Grant credit
///
/// Once per reference of the account.
#[utoipa::path(
    post,
    path = "/admin/accounts/{account}/grants",
    tag = "Accounts",
    params(
        ("account" = String, Path, description = "The account's id."),
        OnceHeader,
    ),
    request_body = GrantBody,
    responses(
        (status = 200, body = GrantView),
        (status = 409, description = "The reference was used for a grant of another amount."),
        (status = 500),
        (status = 503),
    )
)]
pub(super) async fn grant_credit(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
    OnceBody(GrantBody { amount, reference, paid }, once): OnceBody<GrantBody>,
) -> Result<Response, AdminError> {
    let granting = match paid {
        Some(false) => state.ledger.give(account, amount.money(), &reference.0),
        _ => {
            let after_trial = move |plan: &PlanName| state.plans.after_trial(plan);
            state.ledger.grant_converting(account, amount.money(), &reference.0, after_trial)
        }
    };
    Ok(granting.answered(move |grant| once.of(StatusCode::OK, &GrantView::of(&grant))).await?)
}
