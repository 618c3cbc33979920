//! The commands' side of the admin API: where the gateway is, with which key, and what its refusals mean.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{ApiKey, BaseUrl, Config, Overrides};
use crate::out::Out;

use super::Failure;
use super::http::{Http, HttpError, Reply};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Every admin call is a transaction or a short read.
const DEADLINE: Duration = Duration::from_secs(30);

/// How to reach a running gateway.
#[derive(Args, Debug)]
pub(super) struct RemoteArgs {
    /// The gateway's admin address; by default the one in the configuration.
    #[arg(long, value_name = "URL", global = true)]
    admin_url: Option<String>,
    /// The admin key; by default TOLLGATE_ADMIN_KEY, which other users of this machine cannot see.
    #[arg(long, value_name = "KEY", global = true, hide_default_value = true)]
    admin_key: Option<String>,
    /// The configuration file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Print what the gateway answers, as one line of JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// The admin API of a running gateway.
#[derive(Debug)]
pub(super) struct Remote {
    http: Http,
    url: BaseUrl,
    key: ApiKey,
    json: bool,
}

/// What the gateway answered: JSON.
#[derive(Debug)]
pub(super) struct Answer {
    body: Bytes,
    json: bool,
}

impl RemoteArgs {
    /// Finds the address and the key.
    pub(super) fn connect(&self) -> Result<Remote, Failure> {
        let config = Config::load(self.config.as_deref(), &Overrides::default())?;
        let url =
            self.admin_url.clone().unwrap_or_else(|| format!("http://{}", reachable(config.admin.listen)));
        let url = BaseUrl::parse(&url).map_err(|message| Failure::new(format!("--admin-url {message}")))?;
        let key = match &self.admin_key {
            Some(text) => ApiKey::new(text)
                .ok_or_else(|| Failure::new("--admin-key must be visible ASCII"))
                .map(Some)?,
            None => config.admin.key,
        };
        let key = key.ok_or_else(|| {
            Failure::new("no admin key: set TOLLGATE_ADMIN_KEY, or pass --admin-key. The gateway showed it at its first start")
        })?;
        let http = Http::new(CONNECT_TIMEOUT, None);
        Ok(Remote { http, url, key, json: self.json })
    }
}

impl Remote {
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let uri = self.url.join(path).ok_or_else(|| Failure::new(format!("{path} is no valid path")))?;
        let mut headers = HeaderMap::new();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.key.expose()))
            .map_err(|_| Failure::new("the admin key cannot stand in a header"))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let reply = self
            .http
            .send(method, &uri, headers, body, DEADLINE)
            .await
            .map_err(|error| self.unreachable(&error))?;
        if reply.status.is_success() {
            return Ok(Answer { body: reply.body, json: self.json });
        }
        Err(self.refused(&reply))
    }

    fn unreachable(&self, error: &HttpError) -> Failure {
        let hint = match error {
            HttpError::Refused(_) => {
                ". Is the gateway running? Start it with `tollgate serve`, or pass --admin-url"
            }
            _ => "",
        };
        Failure::new(format!("cannot reach the gateway at {}: {error}{hint}", self.url))
    }

    fn refused(&self, reply: &Reply) -> Failure {
        let said = serde_json::from_slice::<Refusal>(&reply.body).map(|refusal| refusal.error.message);
        let status = reply.status.as_u16();
        match (reply.status, said) {
            (StatusCode::UNAUTHORIZED, _) => Failure::new(format!(
                "the gateway at {} refuses this admin key: set TOLLGATE_ADMIN_KEY, or pass --admin-key",
                self.url
            )),
            (_, Ok(message)) => Failure::new(message),
            (_, Err(_)) => Failure::new(format!(
                "{} answered with status {status}: is it a gateway's admin address?",
                self.url
            )),
        }
    }
}

impl Answer {
    /// Prints the answer itself for programs, or what `describe` makes of it for people.
    pub(super) fn show<T: DeserializeOwned>(
        &self,
        out: &mut Out,
        describe: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            out.line(&String::from_utf8_lossy(&self.body));
            return Ok(());
        }
        out.line(&describe(&self.read()?));
        Ok(())
    }

    /// What the gateway answered.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::new(format!(
                "the gateway's answer is not understood: {error}. Is it of another version?"
            ))
        })
    }
}

/// An address that listens everywhere is reached on this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    message: String,
}
