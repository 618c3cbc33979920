//! An answer in one piece, in one provider's dialect.

use super::json::{member, raw, string};
use super::logprobs::logprobs;
use super::text::{self, Run};
use super::usage::usage_json;
use super::{Frame, Shape, Thoughts, UsagePlace, extras, tools};
use crate::answer::{Answer, Choice};
use crate::vocabulary::UsageFault;

/// The JSON body of an answer that is not streamed.
pub(crate) fn whole(frame: &Frame<'_>, answer: &Answer) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let object = match frame.shape {
        Shape::Chat => "chat.completion",
        Shape::Completion => text::OBJECT,
    };
    frame.open(&mut out, object);
    let usage = usage_json(frame.dialect, &frame.usage, frame.script.usage);
    let untold = frame.script.usage == Some(UsageFault::None);
    let in_choice = frame.usage_place() == UsagePlace::Choice;
    for (index, choice) in answer.choices.iter().enumerate() {
        raw(&mut out, if index == 0 { "{\"index\":" } else { ",{\"index\":" });
        raw(&mut out, &index.to_string());
        match frame.shape {
            Shape::Chat => message(&mut out, frame, choice),
            Shape::Completion => text::members(&mut out, frame, &Run::whole(choice)),
        }
        raw(&mut out, ",\"finish_reason\":");
        match frame.finish(choice.finish) {
            Some(word) => string(&mut out, &word),
            None => raw(&mut out, "null"),
        }
        raw(&mut out, extras::choice(frame, choice.finish));
        if in_choice {
            raw(&mut out, ",\"usage\":");
            raw(&mut out, &usage);
        }
        raw(&mut out, "}");
    }
    raw(&mut out, "]");
    if !untold && !in_choice {
        raw(&mut out, ",\"usage\":");
        raw(&mut out, &usage);
    }
    raw(&mut out, &extras::last(frame));
    raw(&mut out, "}");
    out
}

/// The members of a chat's choice that hold what was said.
fn message(out: &mut Vec<u8>, frame: &Frame<'_>, choice: &Choice) {
    raw(out, ",\"message\":{\"role\":\"assistant\"");
    message_members(out, frame, choice);
    raw(out, "}");
    logprobs(out, frame, &choice.content);
}

fn message_members(out: &mut Vec<u8>, frame: &Frame<'_>, choice: &Choice) {
    let thoughts = choice.reasoning.concat();
    let mut content = choice.content.concat();
    match frame.dialect.thoughts {
        _ if thoughts.is_empty() => {}
        Thoughts::Reasoning => member(out, "reasoning", &thoughts),
        Thoughts::ReasoningContent => member(out, "reasoning_content", &thoughts),
        Thoughts::Inline => content = format!("<think>\n{thoughts}\n</think>\n\n{content}"),
    }
    if content.is_empty() && !choice.tools.is_empty() {
        raw(out, ",\"content\":null");
    } else {
        member(out, "content", &content);
    }
    if choice.tools.is_empty() {
        if frame.dialect.nulls {
            raw(out, ",\"tool_calls\":null");
        }
        return;
    }
    raw(out, ",\"tool_calls\":[");
    for (at, call) in choice.tools.iter().enumerate() {
        if at > 0 {
            raw(out, ",");
        }
        out.extend_from_slice(&tools::whole(frame, call, at));
    }
    raw(out, "]");
}
