//! The address under which a provider answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Uri;

const LEN_MAX: usize = 2048;

/// A checked `http` or `https` URL with a host, without a credential, a query or a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Arc<str>);

impl BaseUrl {
    /// Checks `text`; the error says what is wrong with it, and never repeats a password in it.
    pub fn parse(text: &str) -> Result<BaseUrl, String> {
        let text = text.trim_end_matches('/');
        if text.len() > LEN_MAX {
            return Err(format!("is longer than {LEN_MAX} characters"));
        }
        let uri: Uri = text.parse().map_err(|_| "is not a URL such as https://example.org/v1".to_owned())?;
        let authority = uri.authority().ok_or("has no host: write it as https://example.org/v1")?;
        if authority.as_str().contains('@') {
            return Err("carries a user name or password: use api_key instead".to_owned());
        }
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must begin with http:// or https://".to_owned());
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("must end in its path, without ? and #".to_owned());
        }
        Ok(BaseUrl(text.into()))
    }

    /// The URL without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of `path` below it: `/models`. `None` when `path` holds what no URL can.
    #[must_use]
    pub fn join(&self, path: &str) -> Option<Uri> {
        format!("{}{path}", self.0).parse().ok()
    }

    /// The URL of `path` beside the version of the API that the URL names, if it ends in one: `/v1` is left out.
    #[must_use]
    pub(super) fn join_above_v1(&self, path: &str) -> Option<Uri> {
        format!("{}{path}", self.0.strip_suffix("/v1").unwrap_or(&self.0)).parse().ok()
    }

    /// Whether connections to it use TLS.
    #[must_use]
    pub(super) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether a credential would cross a network in clear text.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let Some(host) = self.0.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
            return true;
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        !self.is_secure() && !local
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
