//! `POST /admin/accounts/{id}/keys`: makes a key and shows its secret, this once.

use axum::extract::State;
use axum::response::Response;
use domain::AccountId;

use crate::error::ApiError;
use crate::http::key_body::KeyBody;
use crate::http::key_bounds::Bounds;
use crate::http::key_reply::new_key;
use crate::http::{Admin, Caller, OnceBody, OnceHeader, PathId};

use super::AdminState;
use super::show_account::find;
use crate::view::NewKeyView;

/// Make a key
///
/// The answer alone has its secret, this once.
#[utoipa::path(
    post,
    path = "/admin/accounts/{account}/keys",
    tag = "Keys",
    params(
        ("account" = String, Path, description = "The account's id."),
        OnceHeader,
    ),
    request_body = KeyBody,
    responses((status = 200, body = NewKeyView), (status = 409), (status = 500), (status = 503))
)]
pub(super) async fn create_key(
    _: Caller<Admin>,
    State(state): State<AdminState>,
    PathId(account): PathId<AccountId>,
    OnceBody(body, once): OnceBody<KeyBody>,
) -> Result<Response, ApiError> {
    let account = find(&state, account)?;
    let now_ms = state.now_ms();
    let terms = body.terms(&Bounds::of_operator(&account, &state.plans, now_ms))?;
    let making = state.keys.create(account.id, terms);
    Ok(making.answered(new_key(once, now_ms)).await?)
}
