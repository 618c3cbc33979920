//! One whole answer.

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};
use thiserror::Error;

use super::answer::{Answer, FINISHED_WITH_ERROR, Shape};
use super::echo::Echo;
use super::tally::Tally;
use super::{rewrite, usage};
use crate::error::UpstreamError;

/// A whole answer that is complete.
#[derive(Clone, Debug)]
pub struct ChatReply {
    body: Bytes,
    tally: Tally,
}

/// Why a successful status carries no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReplyFault {
    /// The body is an error.
    #[error("{}", .0.message)]
    Error(UpstreamError),
    /// The body is no answer, or not a whole one.
    #[error("the upstream sent no answer: {0}")]
    Malformed(&'static str),
}

impl ChatReply {
    /// Reads the body of a successful status.
    ///
    /// # Errors
    /// When it is an error after all, or no answer, or one that did not finish.
    pub fn parse(body: Bytes) -> Result<ChatReply, ReplyFault> {
        ChatReply::of_shape(Shape::Chat, Echo::default(), body)
    }

    /// The same for completions, which repeat their prompts first.
    ///
    /// # Errors
    /// The same.
    pub fn parse_text(body: Bytes, echo: Echo) -> Result<ChatReply, ReplyFault> {
        ChatReply::of_shape(Shape::Text, echo, body)
    }

    fn of_shape(shape: Shape, echo: Echo, body: Bytes) -> Result<ChatReply, ReplyFault> {
        let mut tally = Tally { events: 1, echo, ..Tally::default() };
        let text = text_of(&body)?;
        let answer = Answer::read(text).ok_or(ReplyFault::Malformed("the body is no JSON of an answer"))?;
        if answer.is_error() {
            return Err(ReplyFault::Error(UpstreamError::read(200, text.as_bytes())));
        }
        read(shape, &answer, &mut tally)?;
        Ok(ChatReply { body, tally })
    }

    /// The answer as the upstream wrote it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What was counted.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The body with `usage` as its usage, and the cost. Everything else stays as it was written.
    #[must_use]
    pub fn with_usage(&self, usage: &Usage, cost: Option<Money>, source: UsageSource) -> Bytes {
        let text = str::from_utf8(&self.body).unwrap_or_default().trim_ascii();
        match rewrite::with_usage(text, usage, cost, source) {
            Some(body) => body.into(),
            // Only an answer with an absurd number of fields comes here: it goes out as it came.
            None => self.body.clone(),
        }
    }
}

/// The text of a body that may be an answer.
pub(crate) fn text_of(body: &[u8]) -> Result<&str, ReplyFault> {
    let text = str::from_utf8(body).map_err(|_| ReplyFault::Malformed("the body is not UTF-8"))?;
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(ReplyFault::Malformed("the body is empty"));
    }
    if text.starts_with('<') {
        return Err(ReplyFault::Malformed("the body is HTML"));
    }
    Ok(text)
}

fn read(shape: Shape, answer: &Answer<'_>, tally: &mut Tally) -> Result<(), ReplyFault> {
    if !answer.has_choices() {
        return Err(ReplyFault::Malformed("it has no choices"));
    }
    tally.note_names(answer.id.map(|raw| raw.get()), answer.model.map(|raw| raw.get()));
    for (position, choice) in answer.choices().enumerate() {
        match shape {
            Shape::Chat if choice.message.is_none() => {
                return Err(ReplyFault::Malformed("a choice has no message"));
            }
            Shape::Text if choice.text.is_none() => {
                return Err(ReplyFault::Malformed("a choice has no text"));
            }
            _ => {}
        }
        match tally.note_choice(shape, choice.index(position), choice) {
            None => return Err(ReplyFault::Malformed("a choice has no finish_reason: it is not whole")),
            Some("\"error\"") => {
                return Err(ReplyFault::Error(UpstreamError::read(200, FINISHED_WITH_ERROR.as_bytes())));
            }
            Some(_) => {}
        }
    }
    if let Some(found) = answer.usage() {
        tally.note_usage(usage::read(found));
    }
    Ok(())
}
