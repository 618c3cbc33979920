//! `DELETE /admin/plans/{name}`: deletes a plan that no account is on.

use axum::Json;
use axum::extract::State;
use domain::PlanName;

use crate::http::{Admin, Caller, PathId};
use crate::plans::PlanError;

use super::{AdminError, AdminState};
use crate::view::PlanView;

/// Delete a plan
///
/// One that was made here and that no account is on. The answer is what it was. One that replaced a built-in plan makes
/// room for it again.
#[utoipa::path(
    delete,
    path = "/admin/plans/{plan}",
    tag = "Plans",
    params(("plan" = String, Path, description = "The plan's name.")),
    responses(
        (status = 200, body = PlanView),
        (status = 409, description = "Accounts are on it, or it was not made here."),
        (status = 500),
        (status = 503),
    )
)]
pub(super) async fn delete_plan(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(name): PathId<PlanName>,
) -> Result<Json<PlanView>, AdminError> {
    let entry = state.plans.entry(&name).ok_or(AdminError::Plan(PlanError::Unknown))?;
    state.plans.delete(&state.ledger, &name).await?;
    Ok(Json(PlanView::of(&entry)))
}
