//! `POST /v1/signup`: a visitor who proves who they are gets a trial account and a key, once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::response::Response;
use domain::Period;
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Name;
use super::{OnceBody, OnceHeader, layers};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::pipeline::ClientAddress;
use crate::signup::{Desk, Opened, Proof, SignupError};
use crate::time::rfc3339;

/// Where visitors sign up.
pub(super) struct Open(Arc<Desk>);

impl FromRequestParts<Arc<Worker>> for Open {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, worker: &Arc<Worker>) -> Result<Open, ApiError> {
        match &worker.gateway.signup {
            Some(desk) => Ok(Open(Arc::clone(desk))),
            None => Err(layers::no_such_route(parts.uri.clone()).await),
        }
    }
}

/// Who signs up: exactly one of `invite_code` and `id_token`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignupBody {
    /// The code of an invite, where the gateway takes invites.
    invite_code: Option<String>,
    /// An ID token of the gateway's OpenID Connect issuer, where it has one.
    id_token: Option<String>,
    /// What to call the account.
    name: Option<Name>,
}

/// A trial just opened. It alone carries the secret of its key.
#[derive(Serialize, ToSchema)]
pub(super) struct SignupView {
    /// `acct_…`.
    account_id: String,
    /// The name of its plan.
    plan: String,
    /// When the trial ends.
    trial_ends_at: Option<String>,
    /// What can be used in the whole trial.
    quotas: QuotasView,
    /// What can be spent, in US dollars.
    credit: String,
    /// Its key.
    key: SignupKeyView,
    /// A first request, for a shell.
    example: String,
}

/// What can be used; `null` is no bound.
#[derive(Serialize, ToSchema)]
struct QuotasView {
    /// Requests.
    requests: Option<u64>,
    /// Tokens, of prompts and answers together.
    tokens: Option<u64>,
}

/// The key of a trial.
#[derive(Serialize, ToSchema)]
struct SignupKeyView {
    /// `key_…`.
    id: String,
    /// What to send with every request; never shown again.
    secret: String,
}

/// Sign up
///
/// Opens a trial account with its credit and a key, once per identity.
#[utoipa::path(
    post,
    path = "/v1/signup",
    tag = "Account",
    params(OnceHeader),
    request_body = SignupBody,
    responses(
        (status = 201, body = SignupView),
        (status = 403, description = "The code or the token proves nothing."),
        (status = 409, description = "This identity has an account already."),
        (status = 429, description = "Too many sign-ups failed; `Retry-After` says how long to wait."),
        (status = 500),
        (status = 503),
    )
)]
pub(super) async fn create(
    Open(desk): Open,
    State(worker): State<Arc<Worker>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    OnceBody(SignupBody { invite_code, id_token, name }, once): OnceBody<SignupBody>,
) -> Result<Response, ApiError> {
    let proof = match (invite_code, id_token) {
        (Some(code), None) => Proof::InviteCode(code),
        (None, Some(token)) => Proof::IdToken(token),
        _ => {
            return Err(ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "invalid_value",
                "Send either 'invite_code' or 'id_token'.",
            ));
        }
    };
    // Those whose address cannot be told share one.
    let peer = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let answer = move |opened| once.of(StatusCode::CREATED, &view(&opened, &worker, &headers));
    Ok(desk.sign_up(proof, name.map(Name::into_string), peer, answer).await?)
}

fn view(opened: &Opened, worker: &Worker, headers: &HeaderMap) -> SignupView {
    let Opened { account, plan, key, secret } = opened;
    let total = plan.account.quotas[Period::Total];
    SignupView {
        account_id: account.id.to_string(),
        plan: plan.name.to_string(),
        trial_ends_at: account.terms().trial_ends_at_ms.map(rfc3339),
        quotas: QuotasView { requests: total.requests, tokens: total.tokens },
        credit: account.balance().available.to_string(),
        key: SignupKeyView { id: key.to_string(), secret: secret.expose().to_owned() },
        example: example(headers, worker, secret.expose()),
    }
}

/// A request to the host that this one came to, if it is surely nothing but a host.
fn example(headers: &HeaderMap, worker: &Worker, secret: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| host.bytes().all(plain));
    let host = host.map_or_else(|| worker.gateway.config.server.listen.to_string(), str::to_owned);
    let scheme =
        if headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https") { "https" } else { "http" };
    format!("curl {scheme}://{host}/v1/models -H 'Authorization: Bearer {secret}'")
}

impl From<SignupError> for ApiError {
    fn from(error: SignupError) -> ApiError {
        match error {
            SignupError::Throttled(wait) => ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "signup_rate_limited",
                "Too many sign-ups failed. Wait before the next one.",
            )
            .after(Some(wait)),
            SignupError::Busy => {
                ApiError::unavailable("overloaded", "Too many sign-ups are waiting. Try again shortly.")
            }
            SignupError::OtherProof(asked) => ApiError::invalid(
                StatusCode::BAD_REQUEST,
                "invalid_value",
                format!("To sign up here, send '{asked}'."),
            )
            .param(asked),
            SignupError::BadInvite => ApiError::new(
                StatusCode::FORBIDDEN,
                "permission_error",
                "invalid_invite_code",
                "The invite code is unknown, used, revoked or expired. Ask the operator for a new one.",
            )
            .param("invite_code"),
            SignupError::BadToken(why) => ApiError::new(
                StatusCode::FORBIDDEN,
                "permission_error",
                "invalid_id_token",
                format!("The ID token is refused: {why}."),
            )
            .param("id_token"),
            SignupError::IssuerUnavailable => ApiError::unavailable(
                "issuer_unavailable",
                "The issuer's keys cannot be read at the moment. Try again shortly.",
            ),
            SignupError::NoTrial => ApiError::unavailable(
                "signup_misconfigured",
                "The plan of this sign-up is no trial at the moment. The operator has to mend it.",
            ),
            SignupError::Registered => ApiError::invalid(
                StatusCode::CONFLICT,
                "already_registered",
                "You have an account here already. Ask the operator if you have lost its key.",
            ),
            SignupError::Ledger(error) => error.into(),
        }
    }
}
