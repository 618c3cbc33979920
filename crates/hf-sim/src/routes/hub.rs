//! `GET /{org}/{model}/resolve/main/{file}`: the tokenizer files of the Hub. No token is needed.
//!
//! All models have the same small tokenizer, which `fixtures/hub/make.py` makes. Some have none, and some answer with
//! a redirect, as the Hub does for large files.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LOCATION};

use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::state::State;

use super::models::follow_script;

const TOKENIZER: &str = include_str!("../../fixtures/hub/tokenizer.json");
const TOKENIZER_CONFIG: &str = include_str!("../../fixtures/hub/tokenizer_config.json");
/// Where the files of [`Traits::files_elsewhere`](crate::Traits::files_elsewhere) are, in place of `resolve`.
const ELSEWHERE: &str = "resolve-elsewhere";
const ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

pub(super) fn file(state: &State, path: &str) -> Result<Reply, Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let [org, name, place @ ("resolve" | ELSEWHERE), "main", file] = parts.as_slice() else {
        return Err(Refusal::NoRoute);
    };
    let id = format!("{org}/{name}");
    let reply = reply(state, &id, *place == ELSEWHERE, file);
    follow_script(state, path, reply)
}

fn reply(state: &State, id: &str, here: bool, file: &str) -> Reply {
    let listing = state.listing();
    if listing.model(id).is_none() {
        // The Hub does not tell a repository that is not there from one that is private.
        return refused(StatusCode::UNAUTHORIZED, "RepoNotFound");
    }
    let traits = &listing.catalogue.sim;
    let is_in = |ids: &[String]| ids.iter().any(|known| known == id);
    let text = match file {
        "tokenizer.json" if !is_in(&traits.no_tokenizer) => TOKENIZER,
        "tokenizer_config.json" => TOKENIZER_CONFIG,
        _ => return refused(StatusCode::NOT_FOUND, "EntryNotFound"),
    };
    if is_in(&traits.files_elsewhere) && !here {
        let location = HeaderValue::from_str(&format!("/{id}/{ELSEWHERE}/main/{file}"));
        let reply = Reply::json(StatusCode::TEMPORARY_REDIRECT, Bytes::new());
        return match location {
            Ok(location) => reply.with(LOCATION, location),
            Err(_) => reply,
        };
    }
    Reply::json(StatusCode::OK, Bytes::from_static(text.as_bytes()))
}

fn refused(status: StatusCode, code: &'static str) -> Reply {
    Reply::json(status, Bytes::new()).with(ERROR_CODE, HeaderValue::from_static(code))
}
