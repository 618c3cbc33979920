//! The host that a request names.
//!
//! A web page can make a browser resolve the page's own name to this machine (DNS rebinding). It cannot make the
//! browser send another `Host` header than that name, so names that nobody configured are turned away.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::{AdminError, AdminState};

/// Lets a request pass that names `localhost`, an IP address or a configured host.
pub(super) async fn require_known_host(
    State(state): State<AdminState>,
    request: Request,
    next: Next,
) -> Result<Response, AdminError> {
    // HTTP/2 names it in the target, HTTP/1 in a header.
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let named = request.uri().authority().map(Authority::as_str).or(header);
    match named.and_then(|text| text.parse::<Authority>().ok()) {
        Some(authority) if is_known(authority.host(), &state.hosts) => Ok(next.run(request).await),
        _ => Err(AdminError::ForeignHost),
    }
}

fn is_known(host: &str, configured: &[String]) -> bool {
    let literal = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    literal.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || configured.iter().any(|known| host.eq_ignore_ascii_case(known))
}
