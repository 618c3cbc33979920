//! One answer on its way from chat to a client's dialect, to the store, or to both.

use std::sync::Arc;

use bytes::Bytes;

use super::collector::Collector;
use super::event::Finish;
use super::item::Item;
use super::reader::Reader;
use super::request::Callable;
use super::writer::{Ending, Writer};
use crate::error::ErrorBody;

/// Words and arguments of one answer, in bytes: many times the longest output of any model. All of it is kept until the
/// answer is over.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Items of one answer. Models make a few tens; each costs more than its words.
const ITEMS_MAX: usize = 10_000;

/// Reads an upstream's answer, collects its items, and tells them in the client's dialect.
#[derive(Debug)]
pub struct Telling {
    reader: Reader,
    collector: Collector,
    /// `None` for a chat client, whose bytes pass as they are: its items are only collected.
    writer: Option<Box<dyn Writer>>,
    begun: bool,
}

impl Telling {
    /// An answer that has not begun. `call` is the id of the call, from which missing ids of tool calls are made; `offered`
    /// are the tools that the model may call, and `custom` the names of the request's custom tools.
    #[must_use]
    pub fn new(
        call: &str,
        offered: Arc<[Callable]>,
        custom: Vec<String>,
        writer: Option<Box<dyn Writer>>,
    ) -> Telling {
        let reader = Reader::new(call, offered, custom);
        Telling { reader, collector: Collector::default(), writer, begun: false }
    }

    /// Whether the client's bytes are written here. Otherwise the upstream's pass.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.writer.is_some()
    }

    /// Takes the data of an event of the upstream's stream. Returns what the client is to see of it, which may be nothing.
    /// Nothing is taken beyond the limits of an answer, which [`Telling::excess`] tells.
    pub fn chunk(&mut self, data: &[u8]) -> Bytes {
        let mut out = self.begin();
        if self.excess().is_some() {
            return out.into();
        }
        for event in self.reader.chunk(data) {
            self.tell(event, &mut out);
        }
        out.into()
    }

    /// The end of a stream that came whole. Why it ended is only known when what was held back is told, so `ending` is made
    /// of that.
    pub fn finish(&mut self, ending: impl FnOnce(Finish) -> Ending) -> (Bytes, Ending) {
        let mut out = self.begin();
        if let Some(writer) = &mut self.writer {
            writer.before_end();
        }
        self.flush(&mut out);
        let ending = ending(self.reader.finish());
        if let Some(writer) = &mut self.writer {
            writer.finish(self.collector.items(), &ending, &mut out);
        }
        (out.into(), ending)
    }

    /// Which limit the answer is beyond, in words for people: it cannot be told whole.
    #[must_use]
    pub fn excess(&self) -> Option<&'static str> {
        if self.reader.taken() > ANSWER_BYTES_MAX {
            Some("the answer is larger than 16 MiB")
        } else if self.collector.items().len() > ITEMS_MAX {
            Some("the answer has more than 10000 items")
        } else {
            None
        }
    }

    /// The end of a stream that failed; or, in the place of what [`Telling::finish`] returned, of one whose end cannot be
    /// sent.
    pub fn fail(&mut self, error: &ErrorBody) -> Bytes {
        let mut out = self.begin();
        for event in self.reader.broken_off() {
            self.tell(event, &mut out);
        }
        if let Some(writer) = &mut self.writer {
            writer.fail(self.collector.items(), error, &mut out);
        }
        out.into()
    }

    /// Takes a whole answer of the upstream.
    pub fn read_whole(&mut self, body: &[u8]) {
        for event in self.reader.whole(body) {
            self.collector.note(event, &mut |_| {});
        }
        for event in self.reader.end() {
            self.collector.note(event, &mut |_| {});
        }
        self.collector.close(&mut |_| {});
    }

    /// The answer in one piece, in the client's dialect; `None` where the upstream's bytes pass.
    pub fn whole(&mut self, ending: &Ending) -> Option<Bytes> {
        Some(self.writer.as_mut()?.whole(self.collector.items(), ending))
    }

    /// The items so far.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        self.collector.items()
    }

    /// Why the answer ended, as far as the upstream said, once it is read to its end.
    #[must_use]
    pub fn finish_reason(&self) -> Finish {
        self.reader.finish()
    }

    /// What is sent while the upstream is silent.
    #[must_use]
    pub fn keep_alive(&self) -> &'static [u8] {
        self.writer.as_ref().map_or(crate::sse::KEEP_ALIVE, |writer| writer.keep_alive())
    }

    fn begin(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.begun, true)
            && let Some(writer) = &mut self.writer
        {
            writer.begin(&mut out);
        }
        out
    }

    fn tell(&mut self, event: super::Event, out: &mut Vec<u8>) {
        let writer = &mut self.writer;
        self.collector.note(event, &mut |progress| {
            if let Some(writer) = writer {
                writer.progress(&progress, out);
            }
        });
    }

    /// What the reader held back, and the end of the open item.
    fn flush(&mut self, out: &mut Vec<u8>) {
        for event in self.reader.end() {
            self.tell(event, out);
        }
        let writer = &mut self.writer;
        self.collector.close(&mut |progress| {
            if let Some(writer) = writer {
                writer.progress(&progress, out);
            }
        });
    }
}
