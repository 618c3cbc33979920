//! What tells an answer in a client's dialect.

use std::fmt;

use bytes::Bytes;
use domain::{Money, Usage, UsageSource};

use super::collector::Progress;
use super::event::Finish;
use super::item::Item;
use crate::error::ErrorBody;
use crate::sse;

/// What an answer is called. Every id in it is made from the call's, so nothing here needs randomness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The id of the call, 32 hexadecimal digits.
    pub call: String,
    /// When it began, in seconds since the Unix epoch.
    pub created_at_s: i64,
    /// The model, as the client asked for it.
    pub model: String,
}

/// How a whole answer ended, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why it ended.
    pub finish: Finish,
    /// What is charged for.
    pub usage: Usage,
    /// Who counted it.
    pub source: UsageSource,
    /// The charge; `None` where nobody knows the price.
    pub cost: Option<Money>,
    /// When it ended, in seconds since the Unix epoch.
    pub at_s: i64,
}

/// Tells an answer in one dialect: as a stream, by everything but [`Writer::whole`], or whole, by that alone.
///
/// Frames are appended to `out`, each whole.
pub trait Writer: fmt::Debug + Send {
    /// The beginning of the stream, before anything of the answer is there.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// The next step of the answer.
    fn progress(&mut self, progress: &Progress<'_>, out: &mut Vec<u8>);

    /// What follows is the end of a stream that came whole. Where that end cannot be sent after all, [`Writer::fail`] takes
    /// its place, and goes on from here.
    fn before_end(&mut self) {}

    /// The end of a stream that came whole. `items` are all items, closed.
    fn finish(&mut self, items: &[Item], ending: &Ending, out: &mut Vec<u8>);

    /// The end of a stream that failed: the dialect's error event, and nothing that a client could take for success.
    /// `items` are those so far; the last may not be whole, and was not closed.
    fn fail(&mut self, items: &[Item], error: &ErrorBody, out: &mut Vec<u8>);

    /// The answer in one piece.
    fn whole(&mut self, items: &[Item], ending: &Ending) -> Bytes;

    /// What is sent while the upstream is silent.
    fn keep_alive(&self) -> &'static [u8] {
        sse::KEEP_ALIVE
    }
}
