//! `POST /admin/invites`: makes an invite to sign up and shows its code, this once.

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::{Admin, Caller, OnceBody, OnceHeader};
use crate::ledger::LedgerError;
use crate::signup::{Identity, InviteCode};

use super::{AdminError, AdminState};
use crate::view::{InviteView, NewInviteView};

/// How long an invite is good when nobody says: a week, in which most mail is read.
const LIFE_DEFAULT_S: u64 = 7 * 24 * 60 * 60;

/// The longest that an invite is good: a year. An invite for ever is forgotten and found by somebody else.
const LIFE_MAX_S: u64 = 365 * 24 * 60 * 60;

/// A new invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteBody {
    /// Whom it is for, such as an e-mail address, in upper or lower case: 1 to 254 bytes. Several invites for one
    /// identity open one account.
    #[schema(min_length = 1, max_length = 254, examples("ada@example.org"))]
    identity: String,
    /// The trial plan that it opens; the one of `[signup]` when nobody says.
    plan: Option<String>,
    /// For how many seconds it is good; a week when nobody says.
    #[schema(minimum = 1, maximum = 31_536_000)]
    expires_in_s: Option<u64>,
}

/// Make an invite
///
/// The answer alone has its code, this once. The code is good for one sign-up.
#[utoipa::path(
    post,
    path = "/admin/invites",
    tag = "Invites",
    params(OnceHeader),
    request_body = InviteBody,
    responses((status = 200, body = NewInviteView), (status = 500), (status = 503))
)]
pub(super) async fn create_invite(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    OnceBody(body, once): OnceBody<InviteBody>,
) -> Result<Response, AdminError> {
    let refused = || {
        AdminError::invalid(
            "identity",
            "'identity' has 1 to 254 bytes, not blank and without control characters.",
        )
    };
    let identity = Identity::invited(&body.identity).ok_or_else(refused)?;
    let plan = body.plan.map(|name| state.trial_plan(&name)).transpose()?;
    let life_s = body.expires_in_s.unwrap_or(LIFE_DEFAULT_S);
    if !(1..=LIFE_MAX_S).contains(&life_s) {
        let message = format!("'expires_in_s' must be from 1 to {LIFE_MAX_S}.");
        return Err(AdminError::invalid("expires_in_s", message));
    }
    let life_ms = i64::try_from(life_s * 1000).unwrap_or(i64::MAX);
    let code = InviteCode::generate(state.keys.entropy()).map_err(LedgerError::from)?;
    let plan = plan.map(|plan| plan.name.clone());
    let making = state.ledger.create_invite(code.digest(), identity.name(), plan, life_ms);
    let answer = move |row| {
        let view = NewInviteView { invite: InviteView::of(&row), code: code.expose().to_owned() };
        once.of(StatusCode::OK, &view)
    };
    Ok(making.answered(answer).await?)
}
