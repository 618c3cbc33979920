//! `GET /admin/plans`: every plan, by name.

use axum::Json;
use axum::extract::State;

use crate::http::{Admin, Caller};

use super::AdminState;
use crate::view::{ListView, PlanView};

/// All plans
///
/// Those of the configuration, those made here, and what is built in, by name.
#[utoipa::path(get, path = "/admin/plans", tag = "Plans", responses((status = 200, body = ListView<PlanView>)))]
pub(super) async fn list_plans(
    _: Caller<Admin>,
    State(state): State<AdminState>,
) -> Json<ListView<PlanView>> {
    Json(ListView::new(state.plans.list().iter().map(PlanView::of).collect(), None))
}
