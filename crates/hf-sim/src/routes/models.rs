//! `GET /v1/models` and `GET /v1/models/{org}/{model}`. No token is needed.

use hyper::StatusCode;

use crate::dialect::{Pair, dialect};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rules::Occasion;
use crate::scripted;
use crate::state::State;
use crate::vocabulary::DialectName;

pub(super) fn list(state: &State) -> Result<Reply, Refusal> {
    let reply = Reply::json(StatusCode::OK, state.listing().list_json.clone());
    follow_script(state, "/v1/models", reply)
}

pub(super) fn one(state: &State, path: &str) -> Result<Reply, Refusal> {
    let id = path.trim_start_matches("/v1/models/").replace("%2F", "/");
    let listing = state.listing();
    let model = listing.model(&id).ok_or(Refusal::ModelNotFound(id))?;
    let json = serde_json::to_vec(model).unwrap_or_default();
    follow_script(state, path, Reply::json(StatusCode::OK, json))
}

pub(super) fn follow_script(state: &State, path: &str, reply: Reply) -> Result<Reply, Refusal> {
    let occasion = Occasion { path, is_call: false, model: "", provider: "", message: "" };
    let script = state.rules.script_for(&occasion)?;
    let nobody = Pair { model: "", provider: "" };
    let reply = scripted::refusal(&script, dialect(DialectName::Groq), &nobody).unwrap_or(reply);
    Ok(scripted::surround(reply, &script))
}
