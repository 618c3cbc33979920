//! The keys that only one dialect has.

use std::fmt::Write;

use super::Frame;
use crate::answer::Finish;
use crate::vocabulary::DialectName;

/// Members of every frame, after `model`.
pub(super) fn head(frame: &Frame<'_>) -> &'static str {
    match frame.dialect.name {
        DialectName::Groq => ",\"system_fingerprint\":\"fp_sim\"",
        DialectName::Tgi => ",\"system_fingerprint\":\"3.3.7-sim\"",
        DialectName::Transformers => ",\"system_fingerprint\":\"\"",
        _ => "",
    }
}

/// Members of the delta that carries one token.
pub(super) fn delta(frame: &Frame<'_>, reasoning: bool) -> &'static str {
    match frame.dialect.name {
        DialectName::Groq if reasoning => ",\"channel\":\"analysis\"",
        DialectName::Together => ",\"token_id\":4815",
        _ => "",
    }
}

/// Members of a finished choice.
pub(super) fn choice(frame: &Frame<'_>, finish: Finish) -> &'static str {
    match (frame.dialect.name, finish) {
        (DialectName::Sglang, Finish::Stop) => ",\"matched_stop\":2",
        (DialectName::Sglang, _) => ",\"matched_stop\":null",
        _ => "",
    }
}

/// Members of the last frame, beside the choices.
pub(super) fn last(frame: &Frame<'_>) -> String {
    let mut json = String::new();
    match frame.dialect.name {
        DialectName::Groq => {
            let _ = write!(
                json,
                ",\"x_groq\":{{\"id\":\"req_{:016x}\",\"seed\":{}}}",
                frame.hash,
                frame.hash >> 33
            );
        }
        DialectName::LlamaCpp => {
            let _ = write!(
                json,
                ",\"timings\":{{\"prompt_n\":{},\"prompt_ms\":12.5,\"predicted_n\":{},\"predicted_ms\":80.25}}",
                frame.usage.prompt_tokens, frame.usage.completion_tokens
            );
        }
        _ => {}
    }
    json
}
