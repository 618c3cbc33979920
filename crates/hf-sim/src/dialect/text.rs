//! The choices of a completion: bare text, and what is said of its tokens.

use super::json::{raw, string};
use super::{Added, Frame};
use crate::answer::{Choice, Finish, Piece};

/// What a completion calls itself, whole and in each chunk.
pub(super) const OBJECT: &str = "text_completion";
/// What might have been said instead of a token. More than are ever told, so that one may be that token itself.
const ALTERNATIVES: [&str; 5] = [" if", " but", " or", " how", " why"];

/// Text that is told at once.
pub(super) struct Run<'a> {
    pieces: &'a [Piece],
    /// Characters of the choice before it.
    offset: usize,
    /// Whether it begins with the prompt, whose first token follows nothing and has no probability.
    echoes: bool,
}

/// What one chunk of a completion adds.
pub(super) enum Delta<'a> {
    /// The prompt, given back.
    Prompt(Run<'a>),
    Token(Run<'a>),
    Finish(Finish),
}

impl<'a> Run<'a> {
    /// All text of a choice.
    pub(super) fn whole(choice: &'a Choice) -> Self {
        Self { pieces: &choice.content, offset: 0, echoes: choice.echoed > 0 }
    }
}

pub(super) fn deltas<'a>(frame: &Frame<'_>, choice: &'a Choice) -> Vec<Delta<'a>> {
    let (prompt, said) = choice.content.split_at(choice.echoed);
    let mut deltas = Vec::with_capacity(said.len() + 2);
    if !prompt.is_empty() {
        deltas.push(Delta::Prompt(Run { pieces: prompt, offset: 0, echoes: true }));
    }
    let mut offset = prompt.iter().map(|piece| piece.chars().count()).sum();
    for piece in said {
        deltas.push(Delta::Token(Run { pieces: std::slice::from_ref(piece), offset, echoes: false }));
        offset += piece.chars().count();
    }
    if frame.finish(choice.finish).is_some() {
        deltas.push(Delta::Finish(choice.finish));
    }
    deltas
}

pub(super) fn delta(out: &mut Vec<u8>, frame: &Frame<'_>, delta: &Delta<'_>) -> Added {
    let (run, tokens, finish) = match delta {
        Delta::Prompt(run) => (run, 0, None),
        Delta::Token(run) => (run, 1, None),
        Delta::Finish(reason) => (&Run { pieces: &[], offset: 0, echoes: false }, 0, Some(*reason)),
    };
    members(out, frame, run);
    Added { tokens, finish }
}

/// Appends `,"text":…,"logprobs":…`.
pub(super) fn members(out: &mut Vec<u8>, frame: &Frame<'_>, run: &Run<'_>) {
    raw(out, ",\"text\":");
    match run.pieces {
        [piece] => string(out, piece),
        pieces => string(out, &pieces.concat()),
    }
    raw(out, ",\"logprobs\":");
    match frame.logprobs {
        Some(top) if !run.pieces.is_empty() => logprobs(out, run, top),
        _ => raw(out, "null"),
    }
}

fn logprobs(out: &mut Vec<u8>, run: &Run<'_>, top: usize) {
    let is_first = |at| run.echoes && at == 0;
    list(out, "{\"tokens\":[", run.pieces, |out, _, piece| string(out, piece));
    list(out, "],\"token_logprobs\":[", run.pieces, |out, at, _| {
        raw(out, if is_first(at) { "null" } else { "-0.25" });
    });
    if top == 0 {
        raw(out, "],\"top_logprobs\":null");
    } else {
        list(out, "],\"top_logprobs\":[", run.pieces, |out, at, piece| {
            if is_first(at) { raw(out, "null") } else { likeliest(out, piece, top) }
        });
        raw(out, "]");
    }
    let mut offset = run.offset;
    list(out, ",\"text_offset\":[", run.pieces, |out, _, piece| {
        raw(out, &offset.to_string());
        offset += piece.chars().count();
    });
    raw(out, "]}");
}

/// The `top` likeliest tokens: the one that was said, then others.
fn likeliest(out: &mut Vec<u8>, said: &str, top: usize) {
    raw(out, "{");
    string(out, said);
    raw(out, ":-0.25");
    for other in ALTERNATIVES.iter().filter(|other| **other != said).take(top - 1) {
        raw(out, ",");
        string(out, other);
        raw(out, ":-2.5");
    }
    raw(out, "}");
}

/// Appends `open`, then what `write` makes of each piece, between commas.
fn list(out: &mut Vec<u8>, open: &str, pieces: &[Piece], mut write: impl FnMut(&mut Vec<u8>, usize, &str)) {
    raw(out, open);
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            raw(out, ",");
        }
        write(out, at, piece);
    }
}
