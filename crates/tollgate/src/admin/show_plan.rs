//! `GET /admin/plans/{name}`: one plan.

use axum::Json;
use axum::extract::State;
use domain::PlanName;

use crate::http::{Admin, Caller, PathId};
use crate::plans::PlanError;

use super::{AdminError, AdminState};
use crate::view::PlanView;

/// One plan
#[utoipa::path(
    get,
    path = "/admin/plans/{plan}",
    tag = "Plans",
    params(("plan" = String, Path, description = "The plan's name.")),
    responses((status = 200, body = PlanView))
)]
pub(super) async fn show_plan(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(name): PathId<PlanName>,
) -> Result<Json<PlanView>, AdminError> {
    let entry = state.plans.entry(&name).ok_or(AdminError::Plan(PlanError::Unknown))?;
    Ok(Json(PlanView::of(&entry)))
}
