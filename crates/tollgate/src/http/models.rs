//! `GET /v1/models` and `GET /v1/models/{id}`: OpenAI's list, plus price, context length and abilities.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiError;
use super::caller::{Caller, Key};
use crate::catalog::ModelCard;
use crate::gateway::Worker;
use crate::pipeline::callable_models;

/// The models that are served.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models, by id.
    data: Vec<ModelCard>,
}

/// Models that are served
///
/// Those that the key and its plan allow.
#[utoipa::path(get, path = "/v1/models", tag = "Models", responses((status = 200, body = ModelList)))]
pub(super) async fn list(
    Caller(principal): Caller<Key>,
    State(worker): State<Arc<Worker>>,
) -> Result<Json<ModelList>, ApiError> {
    let snapshot = worker.gateway.catalogue.snapshot();
    let may_call = callable_models(&worker.gateway, &snapshot, &principal)?;
    let data = snapshot.models().into_iter().filter(|card| may_call(&card.id)).collect();
    Ok(Json(ModelList { object: "list", data }))
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
