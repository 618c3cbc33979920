//! Legacy completions, at the paths that some providers have: a base model goes on with a prompt.

use bytes::Bytes;
use hyper::header::HeaderMap;

use crate::answer::Answer;
use crate::auth;
use crate::completion::CompletionRequest;
use crate::dialect::{Frame, Pair, Shape, dialect, provider};
use crate::dice::fingerprint;
use crate::provided;
use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::scripted;
use crate::state::State;
use crate::usage::Usage;

use super::task::{Place, Task};

pub(super) const TASK: Task = Task {
    model_end: "/v1/completions",
    others: &[
        ("together", "/together/v1/completions"),
        ("featherless-ai", "/featherless-ai/v1/completions"),
        ("novita", "/novita/v3/openai/completions"),
        ("deepinfra", "/deepinfra/v1/openai/completions"),
    ],
};

pub(super) fn complete(
    state: &State,
    headers: &HeaderMap,
    place: &Place<'_>,
    body: &Bytes,
    ticket: &Ticket,
) -> Result<Reply, Refusal> {
    let caller = auth::authorise(headers)?;
    let model = place.model(body)?;
    ticket.note_model(&model);
    ticket.note_provider(place.provider);
    let listing = state.listing();
    let mut completers = listing.catalogue.sim.completions.iter();
    let completer = completers.find(|row| row.model == model && row.provider == place.provider);
    let completer = completer.ok_or_else(|| place.not_mapped(&model))?;
    caller.can_pay()?;

    let own = provider(place.provider).dialect;
    let request = match CompletionRequest::parse(body) {
        Ok(request) => request,
        // The router has read no more than the model: the provider refuses the rest.
        Err(mistake) => {
            let reply = provided::refusal(own, 400, mistake, "invalid_request_error");
            return Ok(provided::surround(reply, own, place.provider));
        }
    };
    let script = state.rules.script_for(&place.occasion(&model, request.prompt.message()))?;
    let mut hashes = request.fingerprints(&model, state.seed);
    if script.vary {
        hashes.iter_mut().for_each(|hash| *hash = fingerprint(*hash, &ticket.number.to_le_bytes()));
    }
    let dialect = script.dialect.map_or(own, dialect);
    let names = Pair { model: &model, provider: place.provider };
    let longest = request.prompt_tokens().max().unwrap_or(0);
    let refused = scripted::refusal(&script, dialect, &names)
        .or_else(|| provided::too_long(dialect, completer.context_length, "prompt", longest));
    let reply = refused.unwrap_or_else(|| {
        let answer = Answer::complete(&request, &hashes, &script);
        let frame = Frame {
            dialect,
            shape: Shape::Completion,
            model: &model,
            hash: hashes.iter().fold(0, |all, hash| fingerprint(all, &hash.to_le_bytes())),
            include_usage: request.include_usage(),
            logprobs: request.logprobs(),
            usage: Usage {
                prompt_tokens: request.prompt_tokens().sum(),
                completion_tokens: answer.completion_tokens(),
                ..Usage::default()
            },
            script: &script,
        };
        provided::answer(state, &frame, &names, &answer, request.stream())
    });
    Ok(scripted::surround(provided::surround(reply, dialect, place.provider), &script))
}
