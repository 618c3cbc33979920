//! One streamed answer on its way from the upstream to the client.
//!
//! Chunks pass byte for byte. Only their usage is taken out: the caller writes its own at the end, with the cost.

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};

use super::answer::{Answer, FINISHED_WITH_ERROR, Shape};
use super::echo::Echo;
use super::pattern::Pattern;
use super::tally::Tally;
use super::{rewrite, usage};
use crate::error::{ErrorBody, UpstreamError};
use crate::{json, sse};

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this frame.
    Forward(Bytes),
    /// Send nothing: a usage that is held back, or an event without data.
    Skip,
    /// The upstream failed. Nothing of what follows is an answer.
    Error(UpstreamError),
    /// The upstream says that the stream is complete; [`ChatStream::end`] says whether it is.
    Done,
    /// No chunk at all: the stream cannot be trusted any more.
    Malformed,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The whole answer came.
    Complete,
    /// Something is missing.
    Cut,
}

/// One streamed answer.
#[derive(Debug)]
pub struct ChatStream {
    shape: Shape,
    usage_asked: bool,
    /// How many choices were asked for.
    n: u32,
    tally: Tally,
    /// The shape of the last chunk that had a text and nothing else of note.
    pattern: Pattern,
    /// `created` as the upstream wrote it.
    created: Option<i64>,
    seen: IndexSet,
    finished: IndexSet,
    done: bool,
    failed: bool,
}

impl ChatStream {
    /// A stream that has not begun, of `n` choices. `usage_asked`: the client wants the usage as a chunk of its own.
    #[must_use]
    pub fn new(usage_asked: bool, n: u32) -> ChatStream {
        ChatStream::of_shape(Shape::Chat, usage_asked, n, Tally::default())
    }

    /// The same of `n` completions, which repeat their prompts first.
    #[must_use]
    pub fn of_text(usage_asked: bool, n: u32, echo: Echo) -> ChatStream {
        let tally = Tally { echo, ..Tally::default() };
        ChatStream::of_shape(Shape::Text, usage_asked, n, tally)
    }

    fn of_shape(shape: Shape, usage_asked: bool, n: u32, tally: Tally) -> ChatStream {
        ChatStream {
            shape,
            usage_asked,
            n,
            tally,
            pattern: Pattern::default(),
            created: None,
            seen: IndexSet::default(),
            finished: IndexSet::default(),
            done: false,
            failed: false,
        }
    }

    /// Whether the client wants [`ChatStream::usage_chunk`] before the end.
    #[must_use]
    pub fn usage_asked(&self) -> bool {
        self.usage_asked
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the data of the next event.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an event is taken: it is of no use to anyone afterwards"
    )]
    pub fn event(&mut self, data: Bytes) -> Step {
        self.tally.events += 1;
        if let Some(text_len) = self.pattern.text_len(&data) {
            self.tally.relayed_bytes += text_len;
            return Step::Forward(sse::frame(&data));
        }
        let Ok(text) = str::from_utf8(&data) else { return self.malformed() };
        let text = text.trim_ascii();
        if text.is_empty() {
            return Step::Skip;
        }
        if text == "[DONE]" {
            self.done = true;
            return Step::Done;
        }
        let Some(answer) = Answer::read(text) else {
            // Some servers put the text of an error between quotes as it is, which is no JSON.
            if text.starts_with("{\"error\"") {
                return self.error(text);
            }
            return self.malformed();
        };
        let is_error = answer.is_error();
        if !is_error {
            self.note(&answer);
        }
        let found = answer.usage();
        if let Some(found) = found {
            self.tally.note_usage(usage::read(found));
        }
        if is_error {
            return self.error(text);
        }
        if self.failed {
            return self.error(FINISHED_WITH_ERROR);
        }
        if found.is_none() {
            // What may be repeated has to be looked at.
            if let Some(part) = answer.only_text(self.shape).filter(|_| !self.tally.echo.is_open()) {
                self.pattern.learn(text, part);
            }
            return Step::Forward(sse::frame(text.as_bytes()));
        }
        if !answer.has_choices() {
            return Step::Skip;
        }
        match rewrite::without_usage(text) {
            Some(chunk) => Step::Forward(sse::frame(&chunk)),
            None => self.malformed(),
        }
    }

    /// How the stream ended, when nothing more comes. An upstream that says `[DONE]` may have made fewer choices than
    /// were asked for; without that word each of them must have finished, because the rest may just not have come.
    #[must_use]
    pub fn end(&self) -> End {
        let all_finished = self.seen == self.finished && self.finished.len() >= self.n;
        let terminated = self.done || all_finished;
        if self.failed || self.seen.is_empty() || !terminated { End::Cut } else { End::Complete }
    }

    /// The usage as the last chunk, with the names of this stream.
    #[must_use]
    pub fn usage_chunk(&self, usage: &Usage, cost: Option<Money>, source: UsageSource) -> Bytes {
        let mut chunk = b"{".to_vec();
        self.write_names(&mut chunk);
        chunk.extend_from_slice(b",\"choices\":[],\"usage\":");
        usage::write(&mut chunk, usage, cost, source);
        chunk.push(b'}');
        sse::frame(&chunk)
    }

    /// An error as a chunk: clients find `error`, and those that look at choices find the finish reason `error`.
    #[must_use]
    pub fn error_event(&self, error: &ErrorBody) -> Bytes {
        let mut chunk = b"{\"error\":".to_vec();
        error.write(&mut chunk);
        chunk.push(b',');
        self.write_names(&mut chunk);
        let empty = match self.shape {
            Shape::Chat => "\"delta\":{}",
            Shape::Text => "\"text\":\"\",\"logprobs\":null",
        };
        let choices = format!(",\"choices\":[{{\"index\":0,{empty},\"finish_reason\":\"error\"}}]}}");
        chunk.extend_from_slice(choices.as_bytes());
        sse::frame(&chunk)
    }

    fn note(&mut self, answer: &Answer<'_>) {
        if self.tally.upstream_id.is_none() || self.tally.model.is_none() {
            self.tally.note_names(answer.id.map(|raw| raw.get()), answer.model.map(|raw| raw.get()));
        }
        if self.created.is_none() {
            self.created = answer.created.and_then(|raw| raw.get().parse().ok());
        }
        for (position, choice) in answer.choices().enumerate() {
            let index = choice.index(position);
            self.seen.insert(index);
            if let Some(reason) = self.tally.note_choice(self.shape, index, choice) {
                self.finished.insert(index);
                self.failed |= reason == "\"error\"";
            }
        }
    }

    fn error(&mut self, text: &str) -> Step {
        self.failed = true;
        self.pattern.forget();
        // The status of the stream was a success; only its event says otherwise.
        Step::Error(UpstreamError::read(200, text.as_bytes()))
    }

    fn malformed(&mut self) -> Step {
        self.failed = true;
        self.pattern.forget();
        Step::Malformed
    }

    fn write_names(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"id\":");
        json::write_string(out, self.tally.upstream_id.as_deref().unwrap_or_default());
        let created = self.created.unwrap_or(0);
        let object = match self.shape {
            Shape::Chat => "chat.completion.chunk",
            Shape::Text => "text_completion",
        };
        let constant = format!(",\"object\":\"{object}\",\"created\":{created},\"model\":");
        out.extend_from_slice(constant.as_bytes());
        json::write_string(out, self.tally.model.as_deref().unwrap_or_default());
    }
}

/// Indexes of choices. The last bit stands for all that are out of range, which no request can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct IndexSet(u128);

impl IndexSet {
    fn insert(&mut self, index: usize) {
        self.0 |= 1 << index.min(127);
    }

    fn len(self) -> u32 {
        self.0.count_ones()
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}
