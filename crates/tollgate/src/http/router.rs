//! Every public route, with who may call it.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::routes::{Routes, endpoint};
use super::{
    activity, chat, completions, conversations, count_tokens, credits, docs, generation, health, key, keys,
    layers, messages, models, openapi, responses, signup, usage,
};
use crate::gateway::Worker;

/// The public API on one worker.
pub fn router(worker: Arc<Worker>) -> Router {
    routes_of(worker.gateway.signup.is_some())
        .into_router()
        .fallback(layers::no_such_route)
        .method_not_allowed_fallback(layers::no_such_method)
        // Every reply names a call, so that a report of a problem can be traced.
        .layer(from_fn_with_state(Arc::clone(&worker), layers::finish_reply))
        .with_state(worker)
}

/// The routes of the public listener, of a gateway that takes sign-ups or of one that does not.
pub(super) fn routes_of(takes_signups: bool) -> Routes<Arc<Worker>> {
    if takes_signups { routes().public(endpoint!(signup::create)) } else { routes() }
}

/// The routes of every gateway.
fn routes() -> Routes<Arc<Worker>> {
    Routes::new()
        .public(endpoint!(health::live))
        .public(endpoint!(health::ready))
        .public(endpoint!(openapi::show))
        .public(endpoint!(docs::show))
        .key(endpoint!(chat::create))
        .key(endpoint!(responses::create::create))
        .key(endpoint!(responses::input_tokens::count))
        .key(endpoint!(responses::show::show))
        .key(endpoint!(responses::delete::delete))
        .key(endpoint!(responses::cancel::cancel))
        .key(endpoint!(responses::input_items::list))
        .key(endpoint!(conversations::create::create))
        .key(endpoint!(conversations::show::show))
        .key(endpoint!(conversations::update::update))
        .key(endpoint!(conversations::delete::delete))
        .key(endpoint!(conversations::list_items::list))
        .key(endpoint!(conversations::add_items::add))
        .key(endpoint!(conversations::show_item::show))
        .key(endpoint!(conversations::delete_item::delete))
        .key(endpoint!(messages::create))
        .key(endpoint!(count_tokens::count))
        .key(endpoint!(completions::create))
        .key(endpoint!(models::list))
        .key(endpoint!(models::show))
        .key(endpoint!(generation::show))
        .key(endpoint!(activity::list))
        .key(endpoint!(usage::show))
        .key(endpoint!(credits::show))
        .key(endpoint!(key::show))
        .management(endpoint!(keys::create::create))
        .management(endpoint!(keys::list::list))
        .management(endpoint!(keys::show::show))
        .management(endpoint!(keys::update::update))
        .management(endpoint!(keys::revoke::revoke))
        .management(endpoint!(keys::rotate::rotate))
}
