//! `POST /admin/accounts`: creates an account with nothing in it.

use axum::Json;
use axum::extract::State;
use domain::AccountKind;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::field::Name;
use crate::http::{Admin, Caller, JsonBody};
use crate::ledger::NewAccount;

use super::show_account::find;
use super::view::AccountView;
use super::{AdminError, AdminState};

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
/// It has no credit and no keys yet.
#[utoipa::path(
    post,
    path = "/admin/accounts",
    tag = "Accounts",
    request_body = AccountBody,
    responses((status = 200, body = AccountView), (status = 500), (status = 503))
)]
pub(super) async fn create_account(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    JsonBody(AccountBody { name, plan, kind }): JsonBody<AccountBody>,
) -> Result<Json<AccountView>, AdminError> {
    let kind = kind.unwrap_or(Kind::Prepaid).into();
    let row = state.ledger.create_account(NewAccount { name: name.into_string(), kind, plan }).await?;
    Ok(Json(AccountView::of(&*find(&state, row.id)?)))
}
