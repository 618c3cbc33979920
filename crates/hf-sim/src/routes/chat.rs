//! `POST /v1/chat/completions`: authorise, find the provider, follow the script, answer in the provider's dialect.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::header::HeaderMap;
use serde::de::IgnoredAny;

use crate::answer::Answer;
use crate::auth;
use crate::catalogue::Offer;
use crate::dialect::{Dialect, Fields, Frame, Pair, Provider, Shape, dialect, provider};
use crate::dice::fingerprint;
use crate::policy::{self, Chosen};
use crate::prompt::Prompt;
use crate::provided;
use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::ChatRequest;
use crate::rules::Occasion;
use crate::script::Script;
use crate::scripted;
use crate::state::State;
use crate::usage::Usage;

pub(super) fn complete(
    state: &State,
    headers: &HeaderMap,
    body: &Bytes,
    ticket: &Ticket,
) -> Result<Reply, Refusal> {
    let caller = auth::authorise(headers)?;
    let request = ChatRequest::parse(body)?;
    ticket.note_model(&request.model);
    let listing = state.listing();
    let Chosen { model, offer } = policy::resolve(&listing, &request.model)?;
    ticket.note_provider(&offer.provider);
    caller.can_pay()?;

    let mut prompt = Prompt::read(&request, &model.id, state.seed);
    let script = script_for(state, &request, offer, &prompt)?;
    if script.vary {
        prompt.hash = fingerprint(prompt.hash, &ticket.number.to_le_bytes());
    }
    let Provider { dialect: own, output_cap } = provider(&offer.provider);
    let dialect = script.dialect.map_or(own, dialect);
    let names = Pair { model: &model.id, provider: &offer.provider };
    let refused = scripted::refusal(&script, dialect, &names)
        .or_else(|| refused_field(dialect, body))
        .or_else(|| provided::too_long(dialect, offer.context_length, "messages", prompt.tokens));
    let reply = refused.unwrap_or_else(|| {
        let thinking = listing.catalogue.sim.thinking.contains(&model.id);
        let answer = Answer::compose(&request, &prompt, &model.id, thinking, &script, output_cap);
        let frame = Frame {
            dialect,
            shape: Shape::Chat,
            model: &model.id,
            hash: prompt.hash,
            include_usage: request.include_usage(),
            logprobs: request.logprobs().then_some(0),
            usage: count(state, &prompt, &answer, &model.id, &offer.provider),
            script: &script,
        };
        provided::answer(state, &frame, &names, &answer, request.stream())
    });
    Ok(scripted::surround(provided::surround(reply, dialect, &offer.provider), &script))
}

fn script_for(
    state: &State,
    request: &ChatRequest<'_>,
    offer: &Offer,
    prompt: &Prompt,
) -> Result<Script, Refusal> {
    let occasion = Occasion {
        path: super::CHAT,
        is_call: true,
        model: &request.model,
        provider: &offer.provider,
        message: &prompt.question,
    };
    state.rules.script_for(&occasion)
}

/// The provider's refusal of a field that it does not take.
fn refused_field(dialect: &Dialect, body: &Bytes) -> Option<Reply> {
    let given = || serde_json::from_slice::<HashMap<String, IgnoredAny>>(body).unwrap_or_default();
    let (status, message) = match dialect.fields {
        Fields::Any => return None,
        Fields::AllBut(refused) => {
            let given = given();
            let field = refused.iter().find(|field| given.contains_key(**field))?;
            (400, format!("{field}: property '{field}' is unsupported"))
        }
        Fields::Only(taken) => {
            let mut unknown: Vec<String> = given().into_keys().collect();
            unknown.retain(|field| !taken.contains(&field.as_str()));
            unknown.sort();
            unknown.first()?;
            (422, format!("Unexpected fields in the request: {unknown:?}"))
        }
    };
    Some(provided::refusal(dialect, status, message, "wrong_api_format"))
}

fn count(state: &State, prompt: &Prompt, answer: &Answer, model_id: &str, provider_id: &str) -> Usage {
    let pair = fingerprint(fingerprint(0, model_id.as_bytes()), provider_id.as_bytes());
    Usage {
        prompt_tokens: prompt.tokens,
        completion_tokens: answer.completion_tokens(),
        cached_tokens: state.prompt_cache.lookup(prompt, pair),
        reasoning_tokens: answer.reasoning_tokens(),
    }
}
