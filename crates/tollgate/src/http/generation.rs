//! `GET /v1/generation?id=`: the receipt of a call, in OpenRouter's shape, for the account that made it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::CallId;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Key};
use super::input::{Named, QueryParams};
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::ledger::StoredReceipt;
use crate::usd::Usd;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The value of the call's `x-tollgate-call-id` header.
    id: String,
}

/// A receipt.
#[derive(Serialize, ToSchema)]
pub(super) struct Generation {
    data: GenerationData,
}

/// Times are in milliseconds, money in US dollars. `outcome` and `rule` say how the call ended and what was charged
/// for.
#[derive(Serialize, ToSchema)]
pub(super) struct GenerationData {
    id: String,
    upstream_id: Option<String>,
    model: String,
    model_asked: String,
    provider_name: Option<String>,
    inference_provider: Option<String>,
    streamed: bool,
    cancelled: bool,
    finish_reason: Option<String>,
    outcome: &'static str,
    rule: &'static str,
    status: u16,
    error_code: Option<String>,
    route: String,
    attempts: u32,
    tokens_prompt: u64,
    tokens_completion: u64,
    native_tokens_prompt: u64,
    native_tokens_completion: u64,
    native_tokens_reasoning: u64,
    native_tokens_cached: u64,
    usage_source: &'static str,
    total_cost: Usd,
    held: Usd,
    uncollected: Usd,
    created_at_ms: i64,
    latency: Option<u64>,
    generation_time: u64,
    output_tokens_per_second: Option<u64>,
    key_id: String,
    session: Option<String>,
    label: Option<String>,
}

/// The receipt of a call
///
/// Of any call of the account, whichever of its keys made it.
#[utoipa::path(
    get,
    path = "/v1/generation",
    tag = "Account",
    params(Asked),
    responses((status = 200, body = Generation), (status = 404), (status = 503))
)]
pub(super) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    QueryParams(asked): QueryParams<Asked>,
) -> Result<Json<Generation>, ApiError> {
    // An id of another account, an unknown one and a malformed one get the same answer.
    let unknown = || CallId::unknown().param("id");
    let call: CallId = asked.id.parse().map_err(|_| unknown())?;
    let stored = worker.gateway.ledger.receipt(principal.account.id, call).await.map_err(|error| {
        tracing::warn!(%error, "a receipt could not be read");
        let message = "The receipt cannot be read at the moment.";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "receipts_unavailable", message)
    })?;
    Ok(Json(Generation { data: render(stored.ok_or_else(unknown)?) }))
}

pub(super) fn render(stored: StoredReceipt) -> GenerationData {
    let receipt = stored.receipt;
    let output_tokens_per_second = receipt.output_milli_tokens_per_second().map(|milli| milli / 1000);
    GenerationData {
        id: receipt.call.to_string(),
        upstream_id: receipt.upstream_id,
        model: receipt.model_served.unwrap_or_else(|| receipt.model_asked.clone()),
        model_asked: receipt.model_asked,
        provider_name: receipt.provider.map(|provider| provider.to_string()),
        inference_provider: receipt.inference_provider,
        streamed: receipt.stream,
        cancelled: receipt.outcome == domain::Outcome::ClientGone,
        finish_reason: receipt.finish_reason,
        outcome: receipt.outcome.as_str(),
        rule: receipt.rule.as_str(),
        status: receipt.status,
        error_code: receipt.error_code,
        route: receipt.route_reason,
        attempts: receipt.attempts,
        tokens_prompt: receipt.usage.input,
        tokens_completion: receipt.usage.output,
        native_tokens_prompt: receipt.usage.input,
        native_tokens_completion: receipt.usage.output,
        native_tokens_reasoning: receipt.usage.reasoning,
        native_tokens_cached: receipt.usage.cached_input,
        usage_source: receipt.usage_source.as_str(),
        total_cost: Usd(stored.charge),
        held: Usd(stored.hold),
        uncollected: Usd(stored.uncollected),
        created_at_ms: receipt.started_at_ms,
        latency: receipt.first_token_us.map(|us| us / 1000),
        generation_time: receipt.total_us / 1000,
        output_tokens_per_second,
        key_id: receipt.key.to_string(),
        session: receipt.session,
        label: receipt.label,
    }
}
