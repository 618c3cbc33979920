//! `POST /v1/chat/completions`: authorise, find the provider, follow the script, answer in the provider's dialect.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;

use crate::answer::Answer;
use crate::auth;
use crate::catalogue::Offer;
use crate::dialect::{
    Dialect, DialectName, ErrorWords, Fields, Frame, Pair, Provider, dialect, error_body, provider, stream,
    whole,
};
use crate::dice::fingerprint;
use crate::directive;
use crate::faults;
use crate::policy::{self, Chosen};
use crate::prompt::Prompt;
use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::{Bill, Reply};
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
        .or_else(|| refused_length(dialect, offer, &prompt));
    let reply = refused.unwrap_or_else(|| {
        let thinking = listing.catalogue.sim.thinking.contains(&model.id);
        let answer = Answer::compose(&request, &prompt, &model.id, thinking, &script, output_cap);
        let frame = Frame {
            dialect,
            model: &model.id,
            hash: prompt.hash,
            include_usage: request.include_usage(),
            logprobs: request.logprobs(),
            usage: count(state, &prompt, &answer, &model.id, &offer.provider),
            script: &script,
        };
        answer_reply(state, &frame, &names, &answer, request.stream())
    });
    Ok(scripted::surround(provider_headers(reply, dialect, offer), &script))
}

fn script_for(
    state: &State,
    request: &ChatRequest<'_>,
    offer: &Offer,
    prompt: &Prompt,
) -> Result<Script, Refusal> {
    let directives = directive::parse(&prompt.question).map_err(Refusal::BadDirective)?;
    let occasion = Occasion {
        path: super::CHAT,
        is_call: true,
        model: &request.model,
        provider: &offer.provider,
        message: &prompt.question,
    };
    Ok(state.rules.script_for(&occasion, directives))
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
    Some(provider_error(dialect, status, message, "wrong_api_format"))
}

/// The provider's refusal of a prompt that is longer than its context.
fn refused_length(dialect: &Dialect, offer: &Offer, prompt: &Prompt) -> Option<Reply> {
    let limit = offer.context_length.filter(|limit| prompt.tokens > *limit)?;
    let message = format!(
        "This model's maximum context length is {limit} tokens. However, your messages resulted in {} tokens.",
        prompt.tokens
    );
    Some(provider_error(dialect, 400, message, "context_length_exceeded"))
}

fn provider_error(dialect: &Dialect, status: u16, message: String, code: &str) -> Reply {
    let words = ErrorWords { status, message, code: code.to_owned() };
    let (_, body) = error_body(dialect, &words, None, &Pair { model: "", provider: "" });
    Reply::json(StatusCode::from_u16(status).unwrap_or_default(), body)
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

fn answer_reply(state: &State, frame: &Frame<'_>, pair: &Pair<'_>, answer: &Answer, streamed: bool) -> Reply {
    let script = frame.script;
    let first = scripted::first_token(script, state.latency.first_token);
    let mut reply = if streamed {
        let gap = script.gap_ms.map_or(state.latency.gap, std::time::Duration::from_millis);
        let events = faults::bend(stream(frame, answer), script, frame.dialect, pair);
        Reply::stream(frame.dialect.content_type, faults::steps(events, script, first, gap, frame.hash))
    } else {
        let body = Bytes::from(faults::bend_whole(whole(frame, answer), script));
        let tokens = u32::try_from(frame.usage.completion_tokens).unwrap_or(u32::MAX);
        let length = body.len();
        let steps = faults::whole_steps(body, tokens, script, first, frame.hash);
        Reply::whole(StatusCode::OK, "application/json", length, steps)
    };
    reply.bill = Bill {
        prompt_tokens: frame.usage.prompt_tokens,
        cached_tokens: frame.usage.cached_tokens,
        reasoning_tokens: frame.usage.reasoning_tokens,
    };
    reply
}

/// The headers that the router and the provider add to whatever the provider says.
fn provider_headers(mut reply: Reply, dialect: &Dialect, offer: &Offer) -> Reply {
    if let Ok(name) = HeaderValue::from_str(&offer.provider) {
        reply = reply.with(HeaderName::from_static("x-inference-provider"), name);
    }
    match dialect.name {
        DialectName::Groq => scripted::rate_limits(&mut reply.headers, "14370", "2m59.56s"),
        DialectName::Tgi => {
            let kind = HeaderValue::from_static("cpu+optimized");
            reply = reply.with(HeaderName::from_static("x-compute-type"), kind);
        }
        _ => {}
    }
    reply
}
