//! The routes of the router, and the simulator's own under `/_sim`.

mod chat;
mod completions;
mod control;
mod embeddings;
mod hub;
mod models;
mod task;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::{Method, Request};

use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::state::{State, request_id};

/// The chat route.
const CHAT: &str = "/v1/chat/completions";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Larger requests are refused with 413; big enough for a dozen images in base64.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Decides the reply to one request.
pub(crate) async fn reply(state: &State, request: Request<Incoming>, ticket: &mut Ticket) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        // Too large, or the client left while it sent; the latter does not see this.
        return Refusal::TooLarge.reply(state.unmapped_error);
    };
    let body = body.to_bytes();
    if !path.starts_with(control::PREFIX) {
        ticket.note_request(head.method.as_str(), path, &head.headers, &body);
    }
    let post = head.method == Method::POST;
    let get = head.method == Method::GET;
    let decided = match path {
        CHAT if post => chat::complete(state, &head.headers, &body, ticket),
        _ if post && let Some(place) = embeddings::TASK.place(path) => {
            embeddings::embed(state, &head.headers, &place, &body, ticket)
        }
        _ if post && let Some(place) = completions::TASK.place(path) => {
            completions::complete(state, &head.headers, &place, &body, ticket)
        }
        "/v1/models" if get => models::list(state),
        _ if path.starts_with("/v1/models/") && get => models::one(state, path),
        _ if path.starts_with(control::PREFIX) => control::serve(state, &head.method, path, &body),
        CHAT | "/v1/models" => Err(Refusal::WrongMethod),
        _ if get => hub::file(state, path),
        _ => Err(Refusal::NoRoute),
    };
    let reply = decided.unwrap_or_else(|refusal| refusal.reply(state.unmapped_error));
    reply.with(REQUEST_ID, request_id(ticket.number))
}
