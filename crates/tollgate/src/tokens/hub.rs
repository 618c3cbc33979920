//! Fetches the files of tokenizers from the Hub.
//!
//! The Hub answers for large files with where they are, so redirects are followed here, and nowhere else: a few, never
//! from `https` to `http`, and the credential goes to the Hub alone.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::files::{CONFIG, TEMPLATE, TOKENIZER, TokenizerFiles};
use crate::config::HubName;
use crate::config::{ApiKey, BaseUrl, TokenizersConfig};
use crate::upstream::{Connector, connector};

/// To a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// For one file with all its redirects: 64 MiB over a slow line.
const FILE_TIME_MAX: Duration = Duration::from_secs(300);

/// Redirects of one file. The Hub has one or two.
const HOPS_MAX: usize = 5;

/// The Hub.
#[derive(Debug)]
pub(super) struct Hub {
    client: Client<Connector, Full<Bytes>>,
    url: BaseUrl,
    api_key: Option<ApiKey>,
}

/// Why there is no tokenizer now. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotFetched {
    /// The Hub has none to give: it will be the same for a while.
    Missing(String),
    /// It could not be asked.
    Failed(String),
}

impl Hub {
    pub(super) fn new(config: &TokenizersConfig) -> Hub {
        // Fetches are far apart, and the workers' runtimes end at different times: nothing is kept open.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector(CONNECT_TIME_MAX, None));
        Hub { client, url: config.hub_url.clone(), api_key: config.api_key.clone() }
    }

    /// The files of a repository's tokenizer.
    pub(super) async fn fetch(&self, name: &HubName) -> Result<TokenizerFiles, NotFetched> {
        let tokenizer = self.file(name, TOKENIZER).await?;
        let missing = || NotFetched::Missing("its repository has no tokenizer.json".to_owned());
        Ok(TokenizerFiles {
            tokenizer: tokenizer.ok_or_else(missing)?,
            config: self.file(name, CONFIG).await?,
            template: self.file(name, TEMPLATE).await?,
        })
    }

    /// One file; `None` when the repository does not have it.
    async fn file(
        &self,
        name: &HubName,
        (file, bytes_max): (&str, u64),
    ) -> Result<Option<Bytes>, NotFetched> {
        let failed = |why: String| NotFetched::Failed(format!("{file}: {why}"));
        let address = self.url.join(&format!("/{name}/resolve/main/{file}"));
        let address = address.ok_or_else(|| failed("it has no address".to_owned()))?;
        let read = async {
            let response = self.follow(address).await.map_err(failed)?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    let why = "the Hub does not give it to us: it is private, gated, or does not exist";
                    return Err(NotFetched::Missing(why.to_owned()));
                }
                status => return Err(failed(format!("the Hub answered with status {}", status.as_u16()))),
            }
            let body = Limited::new(response.into_body(), usize::try_from(bytes_max).unwrap_or(usize::MAX));
            match body.collect().await {
                Ok(body) => Ok(Some(body.to_bytes())),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    Err(NotFetched::Missing(format!("{file} has more than {bytes_max} bytes")))
                }
                Err(error) => Err(failed(error.to_string())),
            }
        };
        timeout(FILE_TIME_MAX, read)
            .await
            .unwrap_or_else(|_| Err(failed("it did not come in time".to_owned())))
    }

    /// The response at the end of the redirects.
    async fn follow(&self, mut address: Uri) -> Result<Response<Incoming>, String> {
        for _ in 0..=HOPS_MAX {
            let request = self.request(&address);
            let response = self.client.request(request).await.map_err(|error| error.to_string())?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            address = next_hop(&address, location.ok_or("a redirect to nowhere")?)?;
        }
        Err(format!("more than {HOPS_MAX} redirects"))
    }

    /// The request for an address, with the credential if the Hub is asked.
    pub(super) fn request(&self, address: &Uri) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = address.clone();
        let agent = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let hub = self.url.join("").filter(|hub| is_same_server(hub, address));
        if let (Some(key), Some(_)) = (&self.api_key, hub)
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }
}

/// Where a redirect leads: to `https`, or to another path of the same server.
pub(super) fn next_hop(from: &Uri, location: &str) -> Result<Uri, String> {
    let (Some(scheme), Some(authority)) = (from.scheme_str(), from.authority()) else {
        return Err("a redirect from nowhere".to_owned());
    };
    let absolute = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let to: Uri = absolute.parse().map_err(|_| "a redirect to what is no address".to_owned())?;
    let named = to.authority().is_some_and(|to| !to.as_str().contains('@'));
    let safe = to.scheme_str() == Some("https") || is_same_server(from, &to);
    if named && safe { Ok(to) } else { Err("a redirect to what is not https".to_owned()) }
}

fn is_same_server(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && one.authority() == other.authority()
}
