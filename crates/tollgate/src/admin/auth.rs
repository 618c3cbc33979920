//! The admin key at the door, and a line in the log for everyone who comes through it.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

use super::{AdminError, AdminState};

/// Lets a request pass that carries `Authorization: Bearer` with the admin key.
pub(super) async fn require_key(
    State(state): State<AdminState>,
    request: Request,
    next: Next,
) -> Result<Response, AdminError> {
    let presented =
        request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    if !presented.is_some_and(|key| state.admin_key.matches(key)) {
        tracing::warn!("an admin request without the admin key");
        return Err(AdminError::Unauthorized);
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(%method, path, status = response.status().as_u16(), "admin");
    Ok(response)
}

/// The credential behind `Bearer`, whose letters may have any case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, credential) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
}
