//! Reads an issuer's documents: its configuration, which says where its keys are, and the keys.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::timeout;

use super::jwks::KeySet;
use crate::config::IssuerConfig;
use crate::upstream::{Connector, connector};

/// For one document. An issuer answers in a fraction of a second, and somebody waits for the sign-up.
const TIME_MAX: Duration = Duration::from_secs(5);

/// The largest document in bytes. The largest key sets have some tens of kilobytes, certificates included.
const BYTES_MAX: usize = 512 * 1024;

/// The way to an issuer. Redirects are not followed: the keys come from where the configuration says.
#[derive(Debug)]
pub(super) struct Documents {
    client: Client<Connector, Full<Bytes>>,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Documents {
    pub(super) fn new() -> Documents {
        // Reads are minutes apart, and the workers' runtimes end at different times: nothing is kept open.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector(TIME_MAX, None));
        Documents { client }
    }

    /// The keys of an issuer now. The error is for the log.
    pub(super) async fn keys(&self, issuer: &IssuerConfig) -> Result<KeySet, String> {
        let address = match &issuer.jwks_url {
            Some(address) => address.clone(),
            None => self.discover(issuer).await?,
        };
        let json = self.read(address).await?;
        KeySet::parse(&json).ok_or_else(|| "its key set is no JSON Web Key Set".to_owned())
    }

    async fn discover(&self, issuer: &IssuerConfig) -> Result<Uri, String> {
        let json = self.read(issuer.discovery_url.clone()).await?;
        let found: Discovery = serde_json::from_slice(&json)
            .map_err(|error| format!("its configuration is malformed: {error}"))?;
        if found.issuer != issuer.issuer {
            return Err(format!("its configuration is of another issuer: {:.200}", found.issuer));
        }
        IssuerConfig::parse_url(&found.jwks_uri).map_err(|why| format!("its jwks_uri {why}"))
    }

    async fn read(&self, address: Uri) -> Result<Bytes, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = address;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let agent = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let read = async {
            let response = self.client.request(request).await.map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Err(format!("it answered with status {}", response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), BYTES_MAX).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
        };
        timeout(TIME_MAX, read).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
    }
}
