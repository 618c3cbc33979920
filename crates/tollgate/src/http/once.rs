//! Endpoints that happen once: with an `Idempotency-Key`, a repeat gets the answer of the first.
//!
//! An endpoint takes [`OnceBody`] in the place of [`JsonBody`](super::JsonBody), and has its deed answered by
//! [`Answering::of`]. A repeat is answered before the handler is called.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::input::{parse_body, read_json};
use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::idempotency::{Answer, Asked, Begun, HEADER, Once, begin};
use crate::ledger::{Answered, Ledger, LedgerError, Scope};
use crate::pipeline::{authenticate, credential};

/// The content type of every such answer.
const JSON: &str = "application/json";

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
pub struct Answering(
    /// `None` where the request has no key.
    Option<Once>,
);

/// A listener's state, which knows whose idempotency keys come to it.
pub(crate) trait KeepsAnswers: Send + Sync {
    fn ledger(&self) -> &Ledger;
    fn entropy(&self) -> &Entropy;
    /// Whose key it is.
    fn scope(&self, parts: &mut Parts) -> impl Future<Output = Scope> + Send;
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
            return Ok(OnceBody(body, Answering::new(None)));
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
        Ok(OnceBody(body, Answering::new(once)))
    }
}

impl Answering {
    pub(crate) fn new(once: Option<Once>) -> Answering {
        Answering(once)
    }

    /// The answer of what was made, and what is kept of it. A [`Deed`](crate::ledger::Deed) calls this in its
    /// transaction; what fails is not kept, and may be tried again.
    pub(crate) fn of(self, status: StatusCode, view: &impl Serialize) -> Answered<Response> {
        let body = serde_json::to_vec(view).map_err(|error| LedgerError::Failed(Box::new(error)))?;
        let keep = self.0.map(|once| {
            once.keep(&Answer {
                call: None,
                status: status.as_u16(),
                content_type: JSON,
                body: Some(&[&body]),
                complete: true,
            })
        });
        // It may hold a secret, which nothing on the way may keep.
        let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-store")];
        Ok(((status, headers, body).into_response(), keep))
    }
}
