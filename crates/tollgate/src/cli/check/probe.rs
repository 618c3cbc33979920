//! Asks a provider whether it answers and what it thinks of our credential, without paying for anything.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::config::{CatalogueKind, ProviderConfig};

use super::super::http::{Http, HttpError, Reply};

/// The longest wait for an answer: enough for a catalogue of some megabytes over a slow line.
const ANSWER_TIMEOUT_MAX: Duration = Duration::from_secs(15);

const BILL_TO: HeaderName = HeaderName::from_static("x-hf-bill-to");

/// Where Hugging Face makes a token with the permission that calls need (its "Inference Providers" documentation).
const TOKEN_URL: &str = "https://huggingface.co/settings/tokens/new?ownUserPermissions=inference.serverless.write&tokenType=fineGrained";

/// A call for a model that nobody has. Hugging Face looks at the token first, and refuses the model without a charge.
const FREE_CALL: &str =
    r#"{"model":"tollgate/no-such-model","messages":[{"role":"user","content":"-"}],"max_tokens":1}"#;

/// What a provider answered.
#[derive(Debug, Serialize)]
pub(super) struct Probe {
    pub(super) id: String,
    pub(super) ok: bool,
    pub(super) models: Option<usize>,
    pub(super) message: String,
}

/// Asks for the model list without the credential, then with it, then, at Hugging Face, for a call.
pub(super) async fn probe(provider: &ProviderConfig) -> Probe {
    let result = ask(provider).await;
    let (ok, models, message) = match result {
        Ok(Some(models)) => (true, Some(models), format!("answers, and lists {models} models")),
        Ok(None) => (true, None, "answers; its model list is not used".to_owned()),
        Err(problem) => (false, None, problem),
    };
    Probe { id: provider.id.to_string(), ok, models, message }
}

async fn ask(provider: &ProviderConfig) -> Result<Option<usize>, String> {
    let http = Http::new(provider.timeouts.connect, provider.ca_file.as_ref());
    let asking = Asking { http, provider };
    let open = asking.models(false).await?;
    let listed = if provider.api_key.is_some() { asking.models(true).await? } else { open };
    judge(provider, &listed)?;
    if provider.catalogue == CatalogueKind::HuggingFace {
        let called = asking.call().await?;
        judge_credential(provider, called.status)?;
    }
    if provider.catalogue == CatalogueKind::None {
        return Ok(None);
    }
    let list: ModelList = serde_json::from_slice(&listed.body)
        .map_err(|_| format!("{}/models is not a model list: is base_url right?", provider.base_url))?;
    Ok(Some(list.data.len()))
}

struct Asking<'a> {
    http: Http,
    provider: &'a ProviderConfig,
}

impl Asking<'_> {
    async fn models(&self, with_credential: bool) -> Result<Reply, String> {
        self.send(Method::GET, "/models", with_credential, Bytes::new()).await
    }

    async fn call(&self) -> Result<Reply, String> {
        self.send(Method::POST, "/chat/completions", true, Bytes::from_static(FREE_CALL.as_bytes())).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        with_credential: bool,
        body: Bytes,
    ) -> Result<Reply, String> {
        let uri = self.provider.base_url.join(path).ok_or("base_url is no URL")?;
        let headers = headers(self.provider, with_credential)?;
        let timeouts = &self.provider.timeouts;
        let deadline = timeouts.connect + timeouts.first_byte.min(ANSWER_TIMEOUT_MAX);
        let sent = self.http.send(method, &uri, headers, body, deadline).await;
        sent.map_err(|error: HttpError| format!("unreachable: {error}"))
    }
}

fn headers(provider: &ProviderConfig, with_credential: bool) -> Result<HeaderMap, String> {
    let mut headers: HeaderMap = provider.headers.iter().cloned().collect();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(organisation) = provider.bill_to.as_ref().filter(|_| with_credential) {
        headers.insert(BILL_TO, organisation.clone());
    }
    if let Some(key) = provider.api_key.as_ref().filter(|_| with_credential) {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
        let mut bearer = bearer.map_err(|_| "the credential cannot stand in a header".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

/// What the status of the model list says.
fn judge(provider: &ProviderConfig, reply: &Reply) -> Result<(), String> {
    judge_credential(provider, reply.status)?;
    match reply.status {
        status if status.is_success() => Ok(()),
        // Some servers have no list; then the models are configured one by one.
        StatusCode::NOT_FOUND if provider.catalogue == CatalogueKind::None => Ok(()),
        StatusCode::NOT_FOUND => Err(format!(
            "there is no {}/models: is base_url right? At most servers it ends in /v1; one without a list needs \
             catalogue = \"none\"",
            provider.base_url
        )),
        status if status.is_redirection() => {
            Err(format!("redirects elsewhere (status {}), which is never followed", status.as_u16()))
        }
        status => Err(format!("fails with status {}", status.as_u16())),
    }
}

/// What a status says of the credential.
fn judge_credential(provider: &ProviderConfig, status: StatusCode) -> Result<(), String> {
    let source = match provider.api_key_variables.as_slice() {
        [] => "api_key".to_owned(),
        variables => variables.join(" or "),
    };
    match status {
        StatusCode::UNAUTHORIZED if provider.api_key.is_some() => Err(format!(
            "refuses the credential (status 401): the one in {source} is wrong, expired or revoked"
        )),
        StatusCode::UNAUTHORIZED => Err(format!("wants a credential (status 401): set {source}")),
        StatusCode::FORBIDDEN if provider.catalogue == CatalogueKind::HuggingFace => Err(format!(
            "the token lacks the permission \"Make calls to Inference Providers\" (status 403): make one at {TOKEN_URL}"
        )),
        StatusCode::FORBIDDEN => Err("the credential lacks a permission (status 403)".to_owned()),
        StatusCode::PAYMENT_REQUIRED => {
            Err("its credit for this credential is used up (status 402): calls will be refused".to_owned())
        }
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<Box<RawValue>>,
}
