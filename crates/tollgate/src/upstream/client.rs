//! The HTTP client of a provider: credential, deadlines, and why a request got no response. It never follows a redirect, so the credential
//! goes to the configured origin and nowhere else.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client;
use tokio::time::timeout;

use super::Secrets;
use super::lanes::{Lanes, ResponseBody};
use super::pool::connector;
use crate::config::ProviderConfig;

/// The largest catalogue that is read: ten times the largest one seen.
const CATALOGUE_BYTES_MAX: usize = 16 << 20;

/// How long a provider's list is waited for, once connected.
const CATALOGUE_TIME_MAX: Duration = Duration::from_secs(15);

/// The header that bills an organisation (Hugging Face, "Pricing and billing").
const BILL_TO: HeaderName = HeaderName::from_static("x-hf-bill-to");

/// The header of the trace context (W3C Trace Context, section 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The providers of one worker, each with its own connections.
#[derive(Debug)]
pub struct Upstreams {
    by_id: HashMap<Arc<str>, Upstream>,
}

/// One provider: where it is, how to authenticate, and its connections.
#[derive(Debug)]
pub struct Upstream {
    /// The provider's row in the configuration.
    pub config: ProviderConfig,
    /// What it must not repeat to clients.
    pub secrets: Secrets,
    lanes: Lanes,
    chat_uri: Uri,
    models_uri: Uri,
    headers: HeaderMap,
}

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: nothing was sent.
    #[error("could not connect: {0}")]
    Connect(String),
    /// Surely nothing was done for the request: the server said so, or had left before it was sent.
    #[error("the request was turned away: {0}")]
    TurnedAway(String),
    /// The connection broke before the response.
    #[error("the connection broke before the response: {0}")]
    Broken(String),
    /// No response within the first-byte deadline.
    #[error("no response within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// A provider's row cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("provider {provider}: {reason}")]
pub struct BadProvider {
    provider: Arc<str>,
    reason: String,
}

impl Upstreams {
    /// Clients for all configured providers.
    pub fn new(providers: &[ProviderConfig]) -> Result<Upstreams, BadProvider> {
        let upstreams = providers.iter().map(|config| {
            let upstream = Upstream::new(config)
                .map_err(|reason| BadProvider { provider: Arc::clone(&config.id), reason })?;
            Ok((Arc::clone(&config.id), upstream))
        });
        Ok(Upstreams { by_id: upstreams.collect::<Result<_, BadProvider>>()? })
    }

    /// The provider of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Upstream> {
        self.by_id.get(id)
    }

    /// All providers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Upstream> {
        self.by_id.values()
    }
}

impl Upstream {
    fn new(config: &ProviderConfig) -> Result<Upstream, String> {
        let uri = |path: &str| {
            config.base_url.join(path).ok_or_else(|| format!("no address: {} with {path}", config.base_url))
        };
        Ok(Upstream {
            lanes: Lanes::new(connector(config.timeouts.connect, config.ca_file.as_ref())),
            chat_uri: uri("/chat/completions")?,
            models_uri: uri("/models")?,
            headers: headers(config)?,
            secrets: Secrets::of(config),
            config: config.clone(),
        })
    }

    /// Where chats go.
    #[must_use]
    pub fn chat_uri(&self) -> &Uri {
        &self.chat_uri
    }

    /// Sends a body and waits for the head of the response. A stream's comes before its first token, and has the
    /// first-byte deadline; a whole answer's comes after the last one, and has the total deadline. `trace` is the
    /// gateway's own trace context.
    pub async fn ask(
        &self,
        uri: Uri,
        body: Bytes,
        streams: bool,
        trace: Option<HeaderValue>,
    ) -> Result<Response<ResponseBody>, SendError> {
        let timeouts = &self.config.timeouts;
        let deadline = if streams { timeouts.first_byte } else { timeouts.total };
        let mut request = self.request(Method::POST, uri, body);
        if let Some(trace) = trace {
            request.headers_mut().insert(TRACEPARENT, trace);
        }
        self.send(request, deadline).await
    }

    /// Reads the provider's model list.
    pub async fn models(&self) -> Result<Bytes, String> {
        let deadline = self.config.timeouts.connect + CATALOGUE_TIME_MAX;
        let read = async {
            let request = self.request(Method::GET, self.models_uri.clone(), Bytes::new());
            let response = self.send(request, deadline).await.map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), CATALOGUE_BYTES_MAX);
            body.collect().await.map(|body| body.to_bytes()).map_err(|error| error.to_string())
        };
        timeout(deadline, read).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    fn request(&self, method: Method, uri: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<Response<ResponseBody>, SendError> {
        let response = timeout(deadline, self.lanes.request(request)).await;
        Ok(response.map_err(|_| SendError::Timeout(deadline))??)
    }
}

impl From<client::legacy::Error> for SendError {
    fn from(error: client::legacy::Error) -> SendError {
        let why = chain(&error);
        match error {
            error if error.is_connect() => SendError::Connect(why),
            error if is_turned_away(&error) => SendError::TurnedAway(why),
            _ => SendError::Broken(why),
        }
    }
}

/// The headers that every request to the provider carries. No header of a client ever reaches an upstream.
fn headers(config: &ProviderConfig) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in &config.headers {
        headers.insert(name.clone(), value.clone());
    }
    if let Some(organisation) = &config.bill_to {
        headers.insert(BILL_TO, organisation.clone());
    }
    if let Some(key) = &config.api_key {
        let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
        let mut value = value.map_err(|_| "api_key is no valid header value".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// HTTP/2 has two words for a request that nothing was done for (RFC 9113, 8.7): it was refused, or the server had
/// begun to leave before it came, as servers do that end a connection which has served long enough. What was canceled in
/// the sense of hyper was never written.
fn is_turned_away(error: &(dyn Error + 'static)) -> bool {
    if causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_canceled) {
        return true;
    }
    let Some(said) = causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>()) else { return false };
    let refused = said.is_reset() && said.reason() == Some(h2::Reason::REFUSED_STREAM);
    let left = said.is_go_away() && said.reason() == Some(h2::Reason::NO_ERROR);
    said.is_remote() && (refused || left)
}

/// An error and its causes in one line. They name addresses and system errors, never headers or bodies.
fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An error, and what caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
