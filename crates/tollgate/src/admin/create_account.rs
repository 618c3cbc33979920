//! `POST /admin/accounts`: creates an account with nothing in it.

use axum::extract::State;
use axum::response::Response;
use domain::AccountKind;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::field::Name;
use crate::http::{Admin, Caller, OnceBody, OnceHeader};
use crate::ledger::{NewAccount, NewTrial, Terms};

use super::{AdminError, AdminState};
use crate::view::AccountView;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountBody {
    /// What people call it.
    name: Name,
    /// The name of its set of limits.
    plan: Option<String>,
    /// Whether it pays from credit, which is the default, or has no cap.
    kind: Option<Kind>,
}

/// How an account pays.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Prepaid,
    Metered,
}

impl From<Kind> for AccountKind {
    fn from(kind: Kind) -> AccountKind {
        match kind {
            Kind::Prepaid => AccountKind::Prepaid,
            Kind::Metered => AccountKind::Metered,
        }
    }
}

/// Create an account
///
/// It has no keys yet, and no credit, unless its plan is a trial: then the trial starts now.
#[utoipa::path(
    post,
    path = "/admin/accounts",
    tag = "Accounts",
    params(OnceHeader),
    request_body = AccountBody,
    responses((status = 200, body = AccountView), (status = 500), (status = 503))
)]
pub(super) async fn create_account(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    OnceBody(AccountBody { name, plan, kind }, once): OnceBody<AccountBody>,
) -> Result<Response, AdminError> {
    let plan = plan.map(|name| state.plan(&name)).transpose()?;
    let (name, kind) = (name.into_string(), kind.unwrap_or(Kind::Prepaid).into());
    let trial = plan.as_ref().and_then(|plan| plan.trial.clone());
    let opening = match (plan.map(|plan| plan.name.clone()), trial) {
        (Some(plan), Some(trial)) => state.ledger.open_trial(NewTrial { name, kind, plan, trial }),
        (plan, _) => {
            let terms = Terms { plan, trial_ends_at_ms: None };
            state.ledger.create_account(NewAccount { name, kind, terms })
        }
    };
    Ok(opening.answered(move |account| once.of(StatusCode::OK, &AccountView::of(&account))).await?)
}
