//! `PUT /admin/plans/{name}`: makes a plan or replaces it whole, at once.

use axum::Json;
use axum::extract::{Path, State};
use domain::PlanName;
use domain::plan::InvalidPlanName;

use crate::http::{Admin, Caller, JsonBody};
use crate::plans::PlanFields;

use super::{AdminError, AdminState};
use crate::view::PlanView;

/// Make or replace a plan
///
/// What the body leaves out has no limit. It counts from the next call of each of its accounts; calls in flight keep
/// the limits that they began with. A trial that has begun ends when it would have.
#[utoipa::path(
    put,
    path = "/admin/plans/{plan}",
    tag = "Plans",
    params(("plan" = String, Path, description = "Its name: 1 to 64 of a-z, 0-9, _ and -, and a letter first.")),
    request_body = PlanFields,
    responses(
        (status = 200, body = PlanView),
        (status = 409, description = "The plan is in the configuration, or there are too many."),
        (status = 500),
        (status = 503),
    )
)]
pub(super) async fn set_plan(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    Path(name): Path<String>,
    JsonBody(fields): JsonBody<PlanFields>,
) -> Result<Json<PlanView>, AdminError> {
    let name: PlanName = name
        .parse()
        .map_err(|why: InvalidPlanName| AdminError::invalid("plan", format!("A plan's name {why}.")))?;
    let plan = fields.named(name).map_err(|why| AdminError::invalid(&why.field, format!("{why}.")))?;
    let entry = state.plans.set(&state.ledger, plan).await?;
    Ok(Json(PlanView::of(&entry)))
}
