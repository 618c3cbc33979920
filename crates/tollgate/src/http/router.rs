//! Every public route, grouped by who may call it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response_with_state;
use axum::routing::{get, post};

use super::{chat, credits, generation, health, key, layers, models};
use crate::gateway::Worker;

/// The public API on one worker.
pub fn router(worker: Arc<Worker>) -> Router {
    // Anyone. They tell nothing but whether the gateway is up.
    let anyone = Router::new().route("/healthz", get(health::live)).route("/readyz", get(health::ready));
    // Holders of a key. Each handler takes its principal from `authenticate`.
    let keys = Router::new()
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route("/v1/generation", get(generation::show))
        .route("/v1/credits", get(credits::show))
        .route("/v1/key", get(key::show));
    anyone
        .merge(keys)
        .fallback(layers::no_such_route)
        .method_not_allowed_fallback(layers::no_such_method)
        // Every reply names a call, so that a report of a problem can be traced.
        .layer(map_response_with_state(Arc::clone(&worker), layers::ensure_call_id))
        .with_state(worker)
}
