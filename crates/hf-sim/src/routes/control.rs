//! `/_sim/…`: the simulator's own controls, for tests that run outside its process.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::catalogue::Status;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::script::Rule;
use crate::state::State;

pub(super) const PREFIX: &str = "/_sim/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusChange {
    model: String,
    provider: String,
    status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    name: String,
}

pub(super) fn serve(state: &State, method: &Method, path: &str, body: &Bytes) -> Result<Reply, Refusal> {
    match (method.as_str(), path) {
        ("POST", "/_sim/scripts") => {
            let words = serde_json::from_slice(body).map_err(|error| refused(&error))?;
            state.rules.add(Rule::from_map(words).map_err(|error| refused(&error))?);
        }
        ("DELETE", "/_sim/scripts") => state.clear_scripts(),
        ("POST", "/_sim/release") => {
            let release: Release = serde_json::from_slice(body).map_err(|error| refused(&error))?;
            state.release(&release.name);
        }
        ("POST", "/_sim/status") => {
            let change: StatusChange = serde_json::from_slice(body).map_err(|error| refused(&error))?;
            if !state.set_status(&change.model, &change.provider, change.status) {
                return Err(Refusal::BadDirective(format!(
                    "no such pair: {} {}",
                    change.model, change.provider
                )));
            }
        }
        ("GET", "/_sim/requests") => return Ok(requests(state)),
        _ => return Err(Refusal::NoRoute),
    }
    Ok(Reply::json(StatusCode::OK, json!({ "ok": true }).to_string()))
}

fn requests(state: &State) -> Reply {
    // The reader's own request is in progress too.
    let open = state.recorder.open().saturating_sub(1);
    let all =
        json!({ "open": open, "usage": state.recorder.billed(), "requests": state.recorder.snapshot() });
    Reply::json(StatusCode::OK, all.to_string())
}

fn refused(error: &serde_json::Error) -> Refusal {
    Refusal::BadDirective(error.to_string())
}
