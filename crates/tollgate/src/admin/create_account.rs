//! `POST /admin/accounts`: creates an account with nothing in it.

use axum::Json;
use axum::extract::State;
use domain::AccountKind;

use crate::ledger::{NewAccount, Terms};

use super::fields::JsonFields;
use super::show_account::find;
use super::view::AccountView;
use super::{AdminError, AdminState};

/// `{name, plan?, kind?}`; kind is `prepaid` unless it is `metered`.
pub(super) async fn create_account(
    State(state): State<AdminState>,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<AccountView>, AdminError> {
    let name = fields.name("name")?;
    let plan = fields.optional_text("plan")?;
    let plan = plan
        .map(|name| state.plans.named(&name).ok_or_else(|| AdminError::no_such_plan(&name)))
        .transpose()?;
    let kind = match fields.optional_text("kind")? {
        None => AccountKind::Prepaid,
        Some(word) => AccountKind::parse(&word)
            .ok_or_else(|| AdminError::invalid("kind", "'kind' must be 'prepaid' or 'metered'."))?,
    };
    fields.finish()?;
    let row = state
        .ledger
        .create_account(NewAccount { name, kind, terms: Terms { plan, trial_ends_at_ms: None } })
        .await?;
    Ok(Json(AccountView::of(&*find(&state, row.id)?)))
}
