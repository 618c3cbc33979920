//! `GET /v1/models` and `GET /v1/models/{id}`: OpenAI's list, plus price, context length and abilities.
//!
//! The same answer has the keys of Anthropic's list, and takes its pages, so that the clients of both read it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Caller, Key};
use super::input::QueryParams;
use crate::catalog::ModelCard;
use crate::error::ApiError;
use crate::gateway::Worker;
use crate::pipeline::callable_models;

/// Models on a page at most, as at Anthropic.
const LIMIT_MAX: usize = 1_000;

/// Which models of the list are asked for. Other parameters are ignored: clients add their version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many models; all where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The models behind this id: the `last_id` of the page before.
    after_id: Option<String>,
    /// The models before this id: the `first_id` of the page after.
    before_id: Option<String>,
}

/// The models that are served.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models, by id.
    data: Vec<ModelCard>,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
    /// The id of the first model of this page.
    first_id: Option<String>,
    /// The id of the last model of this page.
    last_id: Option<String>,
}

/// Models that are served
///
/// Those that the key and its plan allow.
#[utoipa::path(get, path = "/v1/models", tag = "Models", params(Page), responses((status = 200, body = ModelList)))]
pub(super) async fn list(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    QueryParams(asked): QueryParams<Page>,
) -> Result<Json<ModelList>, ApiError> {
    let snapshot = worker.gateway.catalogue.snapshot();
    let may_call = callable_models(&worker.gateway, &snapshot, &principal)?;
    let mut cards = snapshot.models();
    cards.retain(|card| may_call(&card.id));
    page(cards, &asked).map(Json)
}

/// The page of `cards`, which are sorted by id.
fn page(mut cards: Vec<ModelCard>, asked: &Page) -> Result<ModelList, ApiError> {
    if asked.limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)) {
        return Err(invalid("limit", format!("'limit' must be from 1 to {LIMIT_MAX}.")));
    }
    if asked.after_id.is_some() && asked.before_id.is_some() {
        return Err(invalid("before_id", "Give either 'after_id' or 'before_id', not both.".to_owned()));
    }
    // An id that left the list since still has its place in it.
    if let Some(after) = &asked.after_id {
        cards.drain(..cards.partition_point(|card| card.id <= *after));
    }
    if let Some(before) = &asked.before_id {
        cards.truncate(cards.partition_point(|card| card.id < *before));
    }
    let beyond = cards.len().saturating_sub(asked.limit.unwrap_or(usize::MAX));
    // Backwards, the page ends where the one after it began.
    let start = if asked.before_id.is_some() { beyond } else { 0 };
    cards.drain(..start);
    cards.truncate(asked.limit.unwrap_or(usize::MAX));
    let id = |card: Option<&ModelCard>| card.map(|card| card.id.clone());
    Ok(ModelList {
        object: "list",
        has_more: beyond > 0,
        first_id: id(cards.first()),
        last_id: id(cards.last()),
        data: cards,
    })
}

fn invalid(param: &'static str, message: String) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_value", message).param(param)
}

/// One model
#[utoipa::path(
    get,
    path = "/v1/models/{*id}",
    tag = "Models",
    params(("id" = String, Path, description = "The model's id. Its slashes need no escape.")),
    responses((status = 200, body = ModelCard))
)]
pub(super) async fn show(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelCard>, ApiError> {
    // A path that is no text names no model.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let snapshot = worker.gateway.catalogue.snapshot();
    let may_call = callable_models(&worker.gateway, &snapshot, &principal)?;
    snapshot.model(&id).filter(|card| may_call(&card.id)).map(Json).ok_or_else(|| {
        let id: String = id.chars().take(200).collect();
        let message = format!("The model '{id}' does not exist here.");
        ApiError::invalid(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
    })
}
