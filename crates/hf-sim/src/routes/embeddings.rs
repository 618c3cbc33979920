//! Embeddings, at the routes that some providers have: the task `feature-extraction` of `hf-inference`, and OpenAI's
//! shape at others.

use std::fmt::Write;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::Deserialize;

use crate::auth;
use crate::catalogue::Embedder;
use crate::dialect::json::{object, quoted};
use crate::dialect::{Pair, dialect, provider};
use crate::dice::{Dice, fingerprint};
use crate::directive;
use crate::faults;
use crate::prompt::text_tokens;
use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::{Bill, Reply};
use crate::rules::Occasion;
use crate::script::Script;
use crate::scripted;
use crate::state::State;
use crate::vocabulary::UsageFault;

/// The providers with OpenAI's shape, each with its path.
const OPENAI: [(&str, &str); 3] = [
    ("together", "/together/v1/embeddings"),
    ("scaleway", "/scaleway/v1/embeddings"),
    ("deepinfra", "/deepinfra/v1/openai/embeddings"),
];
const TASK: &str = "hf-inference";
const TASK_BEGIN: &str = "/hf-inference/models/";
const TASK_END: &str = "/pipeline/feature-extraction";
/// Tokens that a text has beyond its own: where it begins and ends.
const MARKERS: u64 = 2;
/// More texts than this are refused, so that one request cannot ask for the world.
const TEXTS_MAX: usize = 2_048;
/// A number of a vector is so many ten-millionths at most.
const SCALE: usize = 10_000_000;

#[derive(Deserialize)]
struct TaskBody {
    inputs: Inputs,
}

#[derive(Deserialize)]
struct OpenAiBody {
    model: String,
    input: Inputs,
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    One(Text),
    Many(Vec<Text>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Written(String),
    Tokens(Vec<u64>),
}

/// What is asked for.
struct Asked {
    provider: &'static str,
    model: String,
    texts: Vec<Text>,
    dimensions: Option<usize>,
}

/// Whether some provider makes embeddings at that path.
pub(super) fn is_route(path: &str) -> bool {
    task_model(path).is_some() || OPENAI.iter().any(|(_, route)| *route == path)
}

pub(super) fn embed(
    state: &State,
    headers: &HeaderMap,
    path: &str,
    body: &Bytes,
    ticket: &Ticket,
) -> Result<Reply, Refusal> {
    let caller = auth::authorise(headers)?;
    let asked = Asked::read(path, body)?;
    ticket.note_model(&asked.model);
    ticket.note_provider(asked.provider);
    let listing = state.listing();
    let mut embedders = listing.catalogue.sim.embeddings.iter();
    let embedder = embedders.find(|row| row.model == asked.model && row.provider == asked.provider);
    let embedder = embedder.ok_or_else(|| Refusal::NotMapped {
        asked: asked.model.clone(),
        provider: asked.provider.to_owned(),
    })?;
    caller.can_pay()?;
    let script = script_for(state, path, &asked)?;
    let own = script.dialect.map_or_else(|| provider(asked.provider).dialect, dialect);
    let names = Pair { model: &asked.model, provider: asked.provider };
    let reply =
        scripted::refusal(&script, own, &names).unwrap_or_else(|| answer(state, &asked, embedder, &script));
    Ok(scripted::surround(reply, &script))
}

impl Asked {
    fn read(path: &str, body: &Bytes) -> Result<Self, Refusal> {
        let bad = |error: serde_json::Error| bad(format!("Invalid request body: {error}"));
        let (provider, model, inputs, dimensions) = match task_model(path) {
            Some(model) => {
                let body: TaskBody = serde_json::from_slice(body).map_err(bad)?;
                (TASK, model.to_owned(), body.inputs, None)
            }
            None => {
                let body: OpenAiBody = serde_json::from_slice(body).map_err(bad)?;
                let provider = OPENAI.iter().find(|(_, route)| *route == path).ok_or(Refusal::NoRoute)?.0;
                (provider, body.model, body.input, body.dimensions)
            }
        };
        let texts = match inputs {
            Inputs::One(text) => vec![text],
            Inputs::Many(texts) => texts,
        };
        let takes_tokens = provider != TASK;
        if !takes_tokens && texts.iter().any(|text| matches!(text, Text::Tokens(_))) {
            return Err(self::bad("'inputs' must be a text or an array of texts".to_owned()));
        }
        if !(1..=TEXTS_MAX).contains(&texts.len()) {
            return Err(self::bad(format!("there must be 1 to {TEXTS_MAX} texts")));
        }
        Ok(Self { provider, model, texts, dimensions })
    }

    fn tokens(&self) -> u64 {
        let tokens = self.texts.iter().map(|text| match text {
            Text::Written(text) => text_tokens(text) + MARKERS,
            Text::Tokens(tokens) => tokens.len() as u64 + MARKERS,
        });
        tokens.sum()
    }
}

/// The model in the path of the task; its slashes need no escape.
fn task_model(path: &str) -> Option<&str> {
    path.strip_prefix(TASK_BEGIN)?.strip_suffix(TASK_END).filter(|model| !model.is_empty())
}

fn script_for(state: &State, path: &str, asked: &Asked) -> Result<Script, Refusal> {
    let last = match asked.texts.last() {
        Some(Text::Written(text)) => text.as_str(),
        _ => "",
    };
    let directives = directive::parse(last).map_err(Refusal::BadDirective)?;
    let occasion =
        Occasion { path, is_call: true, model: &asked.model, provider: asked.provider, message: last };
    Ok(state.rules.script_for(&occasion, directives))
}

fn answer(state: &State, asked: &Asked, embedder: &Embedder, script: &Script) -> Reply {
    let seed = fingerprint(state.seed, asked.model.as_bytes());
    let dimensions = asked.dimensions.unwrap_or(embedder.dimensions).min(embedder.dimensions);
    let vectors = asked.texts.iter().map(|text| vector(seed, text, dimensions));
    let tokens = asked.tokens();
    let body = if asked.provider == TASK {
        format!("[{}]", vectors.collect::<Vec<_>>().join(","))
    } else {
        list(asked, vectors, tokens, script)
    };
    let body = Bytes::from(faults::bend_whole(body.into_bytes(), script));
    let first = scripted::first_token(script, state.latency.first_token);
    let length = body.len();
    let steps = faults::whole_steps(body, 0, script, first, seed);
    let mut reply = Reply::whole(StatusCode::OK, "application/json", length, steps);
    reply.bill = Bill { prompt_tokens: tokens, ..Bill::default() };
    reply
}

fn list(asked: &Asked, vectors: impl Iterator<Item = String>, tokens: u64, script: &Script) -> String {
    let items = vectors.enumerate().map(|(index, vector)| {
        object(&[("object", "\"embedding\""), ("index", &index.to_string()), ("embedding", &vector)])
    });
    let data = format!("[{}]", items.collect::<Vec<_>>().join(","));
    let (model, tokens) = (quoted(&asked.model), tokens.to_string());
    let usage = object(&[("prompt_tokens", &tokens), ("total_tokens", &tokens)]);
    let mut members = vec![("object", "\"list\""), ("data", &data), ("model", &model)];
    if script.usage != Some(UsageFault::None) {
        members.push(("usage", &usage));
    }
    object(&members)
}

/// The vector of a text: the same at every provider that has the model.
fn vector(seed: u64, text: &Text, dimensions: usize) -> String {
    let hash = match text {
        Text::Written(text) => fingerprint(seed, text.as_bytes()),
        Text::Tokens(tokens) => {
            tokens.iter().fold(seed, |hash, token| fingerprint(hash, &token.to_le_bytes()))
        }
    };
    let mut dice = Dice::new(hash);
    let mut out = String::with_capacity(dimensions * 12);
    for at in 0..dimensions {
        let (comma, sign) = (if at > 0 { "," } else { "[" }, if dice.below(2) == 0 { "" } else { "-" });
        // Writing to memory cannot fail.
        let _ = write!(out, "{comma}{sign}0.{:07}", dice.below(SCALE));
    }
    out.push(']');
    out
}

fn bad(message: String) -> Refusal {
    Refusal::BadRequest { message, param: None }
}
