//! Endpoints that happen once: with an `Idempotency-Key`, a repeat gets the answer of the first.
//!
//! An endpoint takes [`OnceBody`] in the place of [`JsonBody`](super::JsonBody), and runs what it does in
//! [`Answering::with`]. A repeat is answered before the handler is called.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use http_body_util::BodyExt;
use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::ApiError;
use super::input::{parse_body, read_json};
use crate::admin::AdminState;
use crate::gateway::Worker;
use crate::idempotency::{Answer, Asked, Begun, HEADER, Once, begin};
use crate::keys::Entropy;
use crate::ledger::{Ledger, Scope};
use crate::pipeline::{authenticate, credential};

/// The header, in the descriptions of endpoints that happen once.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `begin` reads")]
pub(crate) struct OnceHeader {
    /// Repeated with the same key and body within 24 hours, the request gets the same answer, and neither happens nor is
    /// charged again.
    #[param(rename = "idempotency-key", max_length = 255)]
    idempotency_key: Option<String>,
}

/// A JSON body, as [`JsonBody`](super::JsonBody), of a request that happens once.
#[derive(Debug)]
pub struct OnceBody<T>(pub T, pub Answering);

/// How a request that happens once is answered.
#[must_use = "what the endpoint does is kept by it"]
#[derive(Debug)]
pub struct Answering {
    ledger: Ledger,
    /// `None` where the request has no key.
    once: Option<Once>,
}

/// A listener's state, which knows whose idempotency keys come to it.
pub(crate) trait KeepsAnswers: Send + Sync {
    fn ledger(&self) -> &Ledger;
    fn entropy(&self) -> &Entropy;
    /// Whose key it is.
    fn scope(&self, parts: &mut Parts) -> impl Future<Output = Scope> + Send;
}

impl KeepsAnswers for AdminState {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn entropy(&self) -> &Entropy {
        self.keys.entropy()
    }

    /// The operator's, for the account that the path names if it names one.
    async fn scope(&self, parts: &mut Parts) -> Scope {
        let named = Path::<String>::from_request_parts(parts, self).await.ok();
        let account = named.and_then(|Path(text)| text.parse::<AccountId>().ok());
        account.map_or(Scope::OPERATOR, Scope::of_operator)
    }
}

impl KeepsAnswers for Arc<Worker> {
    fn ledger(&self) -> &Ledger {
        &self.gateway.ledger
    }

    fn entropy(&self) -> &Entropy {
        self.gateway.keys.entropy()
    }

    /// The caller's account. Where there is none yet, every key is for itself.
    async fn scope(&self, parts: &mut Parts) -> Scope {
        match authenticate(&self.gateway, parts) {
            Ok(principal) => Scope::of_account(principal.account.id),
            Err(_) => Scope::of_nobody(parts.headers.get(HEADER).map_or(&[], |key| key.as_bytes())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: KeepsAnswers> FromRequest<S> for OnceBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<OnceBody<T>, Response> {
        let (mut head, bytes) = read_json(request).await.map_err(IntoResponse::into_response)?;
        let body = parse_body(&bytes).map_err(IntoResponse::into_response)?;
        if !head.headers.contains_key(HEADER) {
            return Ok(OnceBody(body, Answering::new(state.ledger().clone(), None)));
        }
        let scope = state.scope(&mut head).await;
        let asked = Asked {
            scope,
            route: head.uri.path(),
            parts: &[&bytes],
            // The answer may hold a secret. Who shows no credential proves by the same body to be the same.
            credential: Some(credential(&head.headers).map_or(&bytes, str::as_bytes)),
        };
        let begun = begin(state.ledger(), state.entropy(), &head.headers, &asked).await;
        let once = match begun.map_err(|refused| ApiError::from(refused).into_response())? {
            None => None,
            Some(Begun::First(once)) => Some(once),
            Some(Begun::Repeat(replay)) => return Err(replay.into_response()),
        };
        Ok(OnceBody(body, Answering::new(state.ledger().clone(), once)))
    }
}

impl Answering {
    pub(crate) fn new(ledger: Ledger, once: Option<Once>) -> Answering {
        Answering { ledger, once }
    }

    /// Does what the endpoint does, to its end also when the client leaves, and keeps a good answer. What fails is not
    /// kept, and may be tried again.
    pub async fn with<R, E>(
        self,
        work: impl Future<Output = Result<R, E>> + Send + 'static,
    ) -> Result<Response, E>
    where
        R: IntoResponse + Send,
        E: Send + 'static,
    {
        let Answering { ledger, once } = self;
        let Some(once) = once else { return work.await.map(IntoResponse::into_response) };
        let task = tokio::spawn(async move {
            let response = work.await?.into_response();
            Ok(keep(&ledger, once, response).await)
        });
        match task.await {
            Ok(answered) => answered,
            Err(lost) => match lost.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and with it this one.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

async fn keep(ledger: &Ledger, once: Once, response: Response) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let (head, body) = response.into_parts();
    // One of our own documents, which is in memory already.
    let body = body.collect().await.map(|collected| collected.to_bytes()).unwrap_or_default();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kept = once.keep(&Answer {
        call: None,
        status: head.status.as_u16(),
        content_type: content_type.unwrap_or("application/json"),
        body: Some(&[&body]),
        complete: true,
    });
    if let Err(error) = ledger.keep(kept).await {
        tracing::error!(%error, "an answer was not kept: a repeat of its request would happen again");
    }
    Response::from_parts(head, Body::from(body))
}
