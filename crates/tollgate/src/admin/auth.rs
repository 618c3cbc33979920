//! The admin key at the door, and a line in the log for every request.

use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::{AdminError, AdminState};
use crate::error::ApiError;
use crate::http::{Admin, Caller};
use crate::pipeline::credential;

impl FromRequestParts<AdminState> for Caller<Admin> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        match credential(&parts.headers) {
            Ok(shown) if state.admin_key.matches(shown) => Ok(Caller(())),
            _ => Err(AdminError::Unauthorized.into()),
        }
    }
}

/// Logs what an operator asked for, and that somebody else was turned away.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    match response.status() {
        StatusCode::UNAUTHORIZED => tracing::warn!("an admin request without the admin key"),
        status => tracing::info!(%method, path, status = status.as_u16(), "admin"),
    }
    response
}
