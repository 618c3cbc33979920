//! An answer, as a stream of events or in one piece.

use std::fmt;

use bytes::Bytes;

use super::head::Head;
use crate::error::ErrorBody;
use crate::pivot::{Ending, Item, Progress, Writer};

/// Makes the `encrypted_content` of a reasoning text.
pub type Seal = Box<dyn Fn(&str) -> String + Send>;

/// Tells an answer in the Responses dialect.
pub struct ResponsesWriter {
    head: Head,
    seal: Option<Seal>,
}

impl ResponsesWriter {
    /// A writer of the response with this head. With `seal`, reasoning items carry `encrypted_content`.
    #[must_use]
    pub fn new(head: Head, seal: Option<Seal>) -> ResponsesWriter {
        ResponsesWriter { head, seal }
    }
}

impl fmt::Debug for ResponsesWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesWriter")
            .field("head", &self.head)
            .field("seals", &self.seal.is_some())
            .finish()
    }
}

impl Writer for ResponsesWriter {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn progress(&mut self, _progress: &Progress<'_>, _out: &mut Vec<u8>) {}

    fn finish(&mut self, _items: &[Item], _ending: &Ending, _out: &mut Vec<u8>) {}

    fn fail(&mut self, _items: &[Item], _error: &ErrorBody, _out: &mut Vec<u8>) {}

    fn whole(&mut self, _items: &[Item], _ending: &Ending) -> Bytes {
        Bytes::new()
    }
}
