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
use crate::faults;
use crate::record::Ticket;
use crate::refusal::Refusal;
use crate::reply::{Bill, Reply};
use crate::script::Script;
use crate::scripted;
use crate::state::State;
use crate::texts::{Text, Texts};
use crate::vocabulary::UsageFault;

use super::task::{Place, Task, bad_body};

pub(super) const TASK: Task = Task {
    model_end: "/pipeline/feature-extraction",
    others: &[
        ("together", "/together/v1/embeddings"),
        ("scaleway", "/scaleway/v1/embeddings"),
        ("deepinfra", "/deepinfra/v1/openai/embeddings"),
    ],
};
/// Tokens that a text has beyond its own: where it begins and ends.
const MARKERS: u64 = 2;
/// More texts than this are refused, so that one request cannot ask for the world.
const TEXTS_MAX: usize = 2_048;
/// A number of a vector is so many ten-millionths at most.
const SCALE: usize = 10_000_000;

/// The body of the task of `hf-inference`.
#[derive(Deserialize)]
struct TaskBody {
    inputs: Texts,
}

#[derive(Deserialize)]
struct OpenAiBody {
    input: Texts,
    dimensions: Option<usize>,
}

/// What is asked for.
struct Asked {
    /// Whether the vectors come bare, and not in OpenAI's shape.
    bare: bool,
    model: String,
    texts: Texts,
    dimensions: Option<usize>,
}

pub(super) fn embed(
    state: &State,
    headers: &HeaderMap,
    place: &Place<'_>,
    body: &Bytes,
    ticket: &Ticket,
) -> Result<Reply, Refusal> {
    let caller = auth::authorise(headers)?;
    let asked = Asked::read(place, body)?;
    ticket.note_model(&asked.model);
    ticket.note_provider(place.provider);
    let listing = state.listing();
    let mut embedders = listing.catalogue.sim.embeddings.iter();
    let embedder = embedders.find(|row| row.model == asked.model && row.provider == place.provider);
    let embedder = embedder.ok_or_else(|| place.not_mapped(&asked.model))?;
    caller.can_pay()?;
    let script = state.rules.script_for(&place.occasion(&asked.model, asked.texts.message()))?;
    let own = script.dialect.map_or_else(|| provider(place.provider).dialect, dialect);
    let names = Pair { model: &asked.model, provider: place.provider };
    let reply =
        scripted::refusal(&script, own, &names).unwrap_or_else(|| answer(state, &asked, embedder, &script));
    Ok(scripted::surround(reply, &script))
}

impl Asked {
    fn read(place: &Place<'_>, body: &Bytes) -> Result<Self, Refusal> {
        let model = place.model(body)?;
        let bare = place.names_model();
        let (texts, dimensions) = if bare {
            let body: TaskBody = serde_json::from_slice(body).map_err(|error| bad_body(&error))?;
            (body.inputs, None)
        } else {
            let body: OpenAiBody = serde_json::from_slice(body).map_err(|error| bad_body(&error))?;
            (body.input, body.dimensions)
        };
        if bare && texts.all().iter().any(|text| matches!(text, Text::Tokens(_))) {
            return Err(bad("'inputs' must be a text or an array of texts".to_owned()));
        }
        if !(1..=TEXTS_MAX).contains(&texts.all().len()) {
            return Err(bad(format!("there must be 1 to {TEXTS_MAX} texts")));
        }
        Ok(Self { bare, model, texts, dimensions })
    }

    fn tokens(&self) -> u64 {
        self.texts.all().iter().map(|text| text.tokens() + MARKERS).sum()
    }
}

fn answer(state: &State, asked: &Asked, embedder: &Embedder, script: &Script) -> Reply {
    let seed = fingerprint(state.seed, asked.model.as_bytes());
    let dimensions = asked.dimensions.unwrap_or(embedder.dimensions).min(embedder.dimensions);
    let vectors = asked.texts.all().iter().map(|text| vector(seed, text, dimensions));
    let tokens = asked.tokens();
    let body = if asked.bare {
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
    let mut dice = Dice::new(text.fingerprint(seed));
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
