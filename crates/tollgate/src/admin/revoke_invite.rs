//! `DELETE /admin/invites/{id}`: revokes an invite. Again, it answers the same.

use axum::Json;
use axum::extract::State;
use domain::InviteId;

use crate::http::{Admin, Caller, PathId};

use super::{AdminError, AdminState};
use crate::view::InviteView;

/// Revoke an invite
///
/// At once. One that was used stays used: the account that it opened is another matter.
#[utoipa::path(
    delete,
    path = "/admin/invites/{invite}",
    tag = "Invites",
    params(("invite" = String, Path, description = "The invite's id, not its code.")),
    responses((status = 200, body = InviteView), (status = 500), (status = 503))
)]
pub(super) async fn revoke_invite(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(invite): PathId<InviteId>,
) -> Result<Json<InviteView>, AdminError> {
    Ok(Json(InviteView::of(&state.ledger.revoke_invite(invite).await?)))
}
