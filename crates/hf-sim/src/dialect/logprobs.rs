//! The `logprobs` member of a choice, in a chat.

use super::Frame;
use super::json::{raw, string};
use crate::answer::Piece;

/// Appends `,"logprobs":…`: the tokens' when asked for, else `null` where the dialect writes nulls.
pub(super) fn logprobs(out: &mut Vec<u8>, frame: &Frame<'_>, pieces: &[Piece]) {
    if frame.logprobs.is_none() || pieces.is_empty() {
        if frame.dialect.nulls || frame.logprobs.is_some() {
            raw(out, ",\"logprobs\":null");
        }
        return;
    }
    raw(out, ",\"logprobs\":{\"content\":[");
    for (at, piece) in pieces.iter().enumerate() {
        raw(out, if at == 0 { "{\"token\":" } else { ",{\"token\":" });
        string(out, piece);
        raw(out, &format!(",\"logprob\":-0.25,\"bytes\":{:?},\"top_logprobs\":[]}}", piece.as_bytes()));
    }
    raw(out, "]}");
}
