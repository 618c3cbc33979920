//! An answer as the events of a stream, in one provider's dialect.

use bytes::Bytes;

use super::json::{raw, string};
use super::logprobs::logprobs;
use super::tools::{self, Part};
use super::usage::usage_json;
use super::{Added, Frame, Role, Shape, Thoughts, UsagePlace, extras, text};
use crate::answer::{Answer, Choice, Finish, Piece};
use crate::usage::Usage;
use crate::vocabulary::UsageFault;

/// One event, its blank line included, and the output tokens in it.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) bytes: Bytes,
    pub(crate) tokens: u32,
}

/// All events of an answer, `[DONE]` included where the provider sends it.
pub(crate) fn stream(frame: &Frame<'_>, answer: &Answer) -> Vec<Event> {
    let mut writer = match frame.shape {
        Shape::Chat => chunks(frame, "chat.completion.chunk", answer, deltas, message_delta),
        Shape::Completion => chunks(frame, text::OBJECT, answer, text::deltas, text::delta),
    };
    if frame.usage_place() == UsagePlace::Separate {
        writer.usage_chunk(&frame.usage);
        if frame.script.usage == Some(UsageFault::Twice) {
            let doubled = 2 * frame.usage.completion_tokens;
            writer.usage_chunk(&Usage { completion_tokens: doubled, ..frame.usage });
        }
    }
    if frame.dialect.sends_done(false) && !frame.script.no_done {
        raw(&mut writer.out, "data: [DONE]\n\n");
        writer.end(0);
    }
    writer.events()
}

/// Writes the chunks of all choices. `split` makes what the chunks of one choice add, and `members` writes one of that.
fn chunks<'a, D>(
    frame: &'a Frame<'a>,
    object: &str,
    answer: &'a Answer,
    split: impl Fn(&Frame<'_>, &'a Choice) -> Vec<D>,
    members: impl Fn(&mut Vec<u8>, &Frame<'_>, &D) -> Added,
) -> Writer<'a> {
    let choices: Vec<Vec<D>> = answer.choices.iter().map(|choice| split(frame, choice)).collect();
    let longest = choices.iter().map(Vec::len).max().unwrap_or(0);
    let mut writer = Writer::new(frame, object, longest * choices.len());
    // Choices take turns, as they do when a provider generates them side by side.
    for at in 0..longest {
        for (index, deltas) in choices.iter().enumerate() {
            if let Some(delta) = deltas.get(at) {
                writer.chunk(index, |out| members(out, frame, delta));
            }
        }
    }
    writer
}

/// What one chunk of a chat adds.
enum Delta<'a> {
    Role,
    Reasoning(&'static str, &'a Piece),
    /// Reasoning inside the content, with its tags around the first and the last piece.
    Tagged(&'static str, &'a Piece, &'static str),
    Content(&'a Piece),
    Tool(Part),
    /// The reason to finish, and whether this is the last choice to do so.
    Finish(Finish),
}

fn deltas<'a>(frame: &Frame<'_>, choice: &'a Choice) -> Vec<Delta<'a>> {
    let mut deltas = Vec::with_capacity(choice.reasoning.len() + choice.content.len() + 2);
    if frame.role() == Role::Opening {
        deltas.push(Delta::Role);
    }
    let last = choice.reasoning.len().saturating_sub(1);
    deltas.extend(choice.reasoning.iter().enumerate().map(|(at, piece)| match frame.dialect.thoughts {
        Thoughts::Reasoning => Delta::Reasoning("\"reasoning\":", piece),
        Thoughts::ReasoningContent => Delta::Reasoning("\"reasoning_content\":", piece),
        Thoughts::Inline => {
            let open = if at == 0 { "<think>\n" } else { "" };
            Delta::Tagged(open, piece, if at == last { "\n</think>\n\n" } else { "" })
        }
    }));
    deltas.extend(choice.content.iter().map(Delta::Content));
    for (at, call) in choice.tools.iter().enumerate() {
        deltas.extend(tools::parts(frame, call, at).into_iter().map(Delta::Tool));
    }
    if frame.finish(choice.finish).is_some() {
        deltas.push(Delta::Finish(choice.finish));
    }
    deltas
}

/// Writes all events into one buffer, which is cut into events at the end.
struct Writer<'a> {
    frame: &'a Frame<'a>,
    /// What every chunk begins with, up to the choices.
    head: Vec<u8>,
    out: Vec<u8>,
    ends: Vec<(usize, u32)>,
    tokens_sent: u64,
}

/// Room for one chunk; most are smaller.
const CHUNK_BYTES: usize = 256;

impl<'a> Writer<'a> {
    fn new(frame: &'a Frame<'a>, object: &str, chunks: usize) -> Self {
        let mut head = b"data: ".to_vec();
        frame.open(&mut head, object);
        let out = Vec::with_capacity((chunks + 2) * CHUNK_BYTES);
        Self { frame, head, out, ends: Vec::with_capacity(chunks + 2), tokens_sent: 0 }
    }

    fn chunk(&mut self, index: usize, members: impl FnOnce(&mut Vec<u8>) -> Added) {
        let frame = self.frame;
        let out = &mut self.out;
        out.extend_from_slice(&self.head);
        raw(out, "{\"index\":");
        // One digit for nearly all chunks, so no formatting machinery.
        match u8::try_from(index) {
            Ok(digit) if digit < 10 => out.push(b'0' + digit),
            _ => raw(out, &index.to_string()),
        }
        let Added { tokens, finish } = members(out);
        raw(out, ",\"finish_reason\":");
        match finish.and_then(|reason| frame.finish(reason).map(|word| (reason, word))) {
            None => raw(out, "null"),
            Some((reason, word)) => {
                string(out, &word);
                raw(out, extras::choice(frame, reason));
            }
        }
        self.tokens_sent += u64::from(tokens);
        self.close_chunk(finish.is_some());
        self.end(tokens);
    }

    /// The end of a chunk: the usage where it goes, and the extras of a last chunk.
    fn close_chunk(&mut self, finishes: bool) {
        let frame = self.frame;
        let place = frame.usage_place();
        let out = &mut self.out;
        let told = finishes && matches!(place, UsagePlace::Choice | UsagePlace::Finish);
        let growing = frame.script.usage == Some(UsageFault::Growing);
        let usage = match (told, growing) {
            (true, _) => Some(frame.usage),
            (false, true) => Some(Usage { completion_tokens: self.tokens_sent, ..frame.usage }),
            (false, false) => None,
        };
        let usage = usage.map(|usage| usage_json(frame.dialect, &usage, frame.script.usage));
        if place == UsagePlace::Choice
            && let Some(usage) = &usage
        {
            raw(out, ",\"usage\":");
            raw(out, usage);
        }
        raw(out, "}]");
        match usage {
            Some(usage) if place != UsagePlace::Choice => {
                raw(out, ",\"usage\":");
                raw(out, &usage);
            }
            None if frame.dialect.nulls || (frame.include_usage && place == UsagePlace::Separate) => {
                raw(out, ",\"usage\":null");
            }
            _ => {}
        }
        if finishes {
            raw(out, &extras::last(frame));
        }
        raw(out, "}\n\n");
    }

    fn usage_chunk(&mut self, usage: &Usage) {
        self.out.extend_from_slice(&self.head);
        raw(&mut self.out, "],\"usage\":");
        raw(&mut self.out, &usage_json(self.frame.dialect, usage, self.frame.script.usage));
        raw(&mut self.out, "}\n\n");
        self.end(0);
    }

    fn end(&mut self, tokens: u32) {
        self.ends.push((self.out.len(), tokens));
    }

    fn events(self) -> Vec<Event> {
        let mut rest = Bytes::from(self.out);
        let mut at = 0;
        let cut = self.ends.into_iter().map(|(end, tokens)| {
            let bytes = rest.split_to(end - at);
            at = end;
            Event { bytes, tokens }
        });
        cut.collect()
    }
}

fn message_delta(out: &mut Vec<u8>, frame: &Frame<'_>, delta: &Delta<'_>) -> Added {
    raw(out, ",\"delta\":{");
    let (tokens, finish) = delta_members(out, frame, delta);
    raw(out, "}");
    match delta {
        Delta::Content(piece) => logprobs(out, frame, std::slice::from_ref(*piece)),
        _ => logprobs(out, frame, &[]),
    }
    Added { tokens, finish }
}

/// Writes a delta's members; gives its output tokens and, for the last of a choice, why it ends.
fn delta_members(out: &mut Vec<u8>, frame: &Frame<'_>, delta: &Delta<'_>) -> (u32, Option<Finish>) {
    let every = frame.role() == Role::Every;
    if every {
        raw(out, "\"role\":\"assistant\",");
    }
    match delta {
        Delta::Role => raw(out, "\"role\":\"assistant\",\"content\":\"\""),
        Delta::Reasoning(key, piece) => {
            raw(out, key);
            string(out, piece);
            raw(out, extras::delta(frame, true));
            return (1, None);
        }
        Delta::Tagged(open, piece, close) => {
            raw(out, "\"content\":");
            string(out, &[*open, piece, *close].concat());
            return (1, None);
        }
        Delta::Content(piece) => {
            raw(out, "\"content\":");
            string(out, piece);
            raw(out, extras::delta(frame, false));
            return (1, None);
        }
        Delta::Tool(part) => {
            raw(out, "\"tool_calls\":[");
            out.extend_from_slice(&part.json);
            raw(out, "]");
            return (part.tokens, None);
        }
        Delta::Finish(reason) => {
            if every {
                raw(out, "\"content\":\"\"");
            }
            return (0, Some(*reason));
        }
    }
    (0, None)
}
