//! `GET /v1/models` and `GET /v1/models/{id}`: OpenAI's list, plus price, context length and abilities.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::Serialize;

use super::ApiError;
use crate::catalog::ModelCard;
use crate::gateway::Worker;
use crate::pipeline::authenticate;

#[derive(Serialize)]
pub(super) struct ModelList {
    object: &'static str,
    data: Vec<ModelCard>,
}

pub(super) async fn list(
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
) -> Result<Json<ModelList>, ApiError> {
    authenticate(&worker.gateway, &headers)?;
    Ok(Json(ModelList { object: "list", data: worker.gateway.catalogue.snapshot().models() }))
}

pub(super) async fn show(
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelCard>, ApiError> {
    authenticate(&worker.gateway, &headers)?;
    // A path that is no text names no model.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    worker.gateway.catalogue.snapshot().model(&id).map(Json).ok_or_else(|| {
        let id: String = id.chars().take(200).collect();
        let message = format!("The model '{id}' does not exist here.");
        ApiError::invalid(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
    })
}
