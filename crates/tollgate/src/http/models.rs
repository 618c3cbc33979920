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

/// The models that are served.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models, by id.
    data: Vec<ModelCard>,
}

/// Models that are served
#[utoipa::path(get, path = "/v1/models", tag = "Models", responses((status = 200, body = ModelList)))]
pub(super) async fn list(_: Caller<Key>, State(worker): State<Arc<Worker>>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: worker.gateway.catalogue.snapshot().models() })
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
    _: Caller<Key>,
    State(worker): State<Arc<Worker>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelCard>, ApiError> {
    // A path that is no text names no model.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    worker.gateway.catalogue.snapshot().model(&id).map(Json).ok_or_else(|| {
        let id: String = id.chars().take(200).collect();
        let message = format!("The model '{id}' does not exist here.");
        ApiError::invalid(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
    })
}
