//! A small HTTP client for single requests: to the admin API, and to providers that are probed.

use std::error::Error;
use std::io;
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;

use crate::config::CaFile;
use crate::upstream::tls;

/// Catalogues of big providers are the largest answers: a few MiB.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The client.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why there was no answer.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("the name {0} does not resolve (DNS)")]
    Name(String),
    #[error("nothing listens at {0}: the connection was refused")]
    Refused(String),
    #[error("{0} does not speak TLS that can be trusted: {1}")]
    Tls(String, String),
    #[error("no connection to {0}: {1}")]
    Connect(String, String),
    #[error("no answer from {0} within {ms} ms", ms = .1.as_millis())]
    Timeout(String, Duration),
    #[error("the answer of {0} broke off: {1}")]
    Broken(String, String),
    #[error("the request to {0} cannot be written: {1}")]
    Request(String, String),
}

impl Http {
    /// A client that trusts servers which `ca_file` vouches for, or without one the built-in roots.
    pub(super) fn new(connect_timeout: Duration, ca_file: Option<&CaFile>) -> Http {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(ca_file))
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        Http { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends one request and reads the whole answer, both within `deadline`. Redirects are not followed.
    pub(super) async fn send(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Reply, HttpError> {
        let host = uri.authority().map_or_else(|| uri.to_string(), ToString::to_string);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| explain(&host, &error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| HttpError::Broken(host.clone(), error.to_string()))?;
            Ok(Reply { status, body: body.to_bytes() })
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout(host.clone(), deadline)),
        }
    }
}

/// Finds the cause that a person can do something about.
fn explain(host: &str, error: &hyper_util::client::legacy::Error) -> HttpError {
    let host = host.to_owned();
    let first: &(dyn Error + 'static) = error;
    let causes: Vec<&(dyn Error + 'static)> =
        std::iter::successors(Some(first), |cause| (*cause).source()).collect();
    let deepest = causes.last().map(ToString::to_string).unwrap_or_default();
    if !error.is_connect() {
        return if causes.iter().any(|cause| cause.to_string().contains("invalid URI")) {
            HttpError::Request(host, deepest)
        } else {
            HttpError::Broken(host, deepest)
        };
    }
    if causes.iter().any(|cause| cause.to_string() == "dns error") {
        return HttpError::Name(host);
    }
    for cause in &causes {
        let Some(io) = cause.downcast_ref::<io::Error>().map(innermost) else { continue };
        let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (io.kind(), tls) {
            (_, Some(tls)) => return HttpError::Tls(host, tls.to_string()),
            (io::ErrorKind::ConnectionRefused, _) => return HttpError::Refused(host),
            (io::ErrorKind::TimedOut, _) => return HttpError::Connect(host, "it timed out".to_owned()),
            _ => {}
        }
    }
    HttpError::Connect(host, deepest)
}

/// System errors come wrapped in system errors.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        error = inner;
    }
    error
}
