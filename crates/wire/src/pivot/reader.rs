//! An upstream's chat answer, as events.

use super::event::{Event, Finish};

/// Reads one answer, and repairs what upstreams get wrong in it.
#[derive(Debug)]
pub struct Reader {
    /// The id of the call, from which missing ids of tool calls are made.
    call: String,
    /// The custom tools of the request, by name. Upstreams know them as functions with one string, `input`.
    custom: Vec<String>,
    finish: Finish,
}

impl Reader {
    /// A reader of an answer that has not begun, to a request with these custom tools.
    #[must_use]
    pub fn new(call: &str, _tools: bool, custom: Vec<String>) -> Reader {
        Reader { call: call.to_owned(), custom, finish: Finish::Unsaid }
    }

    /// Takes the data of an event of a stream. What is no chunk gives nothing: `ChatStream` has judged it.
    pub fn chunk(&mut self, _data: &[u8]) -> Vec<Event> {
        Vec::new()
    }

    /// Takes a whole answer.
    pub fn whole(&mut self, _body: &[u8]) -> Vec<Event> {
        Vec::new()
    }

    /// What was held back, when nothing more comes.
    pub fn end(&mut self) -> Vec<Event> {
        Vec::new()
    }

    /// Why the answer ended, as far as the upstream said.
    #[must_use]
    pub fn finish(&self) -> Finish {
        self.finish
    }
}
