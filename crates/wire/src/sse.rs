//! Server-sent events: a decoder that copies nothing it need not, and the frames that are sent.
//!
//! The format is that of the HTML standard, section "Server-sent events": lines end in LF, CR or CRLF, a blank line
//! ends an event, lines that start with a colon are comments.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memchr2_iter};
use thiserror::Error;

/// The end of a stream. Clients compare it byte for byte, with exactly one space.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// A comment that keeps idle connections open. Every client skips it.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

const PREFIX: &[u8] = b"data: ";
const SUFFIX: &[u8] = b"\n\n";
const BOM: &[u8] = b"\xef\xbb\xbf";

/// `data` as an event of its own.
///
/// Line ends inside it become spaces. In JSON they can only stand between tokens, so its meaning stays, and nothing
/// in it can start an event of its own.
#[must_use]
pub fn frame(data: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(PREFIX.len() + data.len() + SUFFIX.len());
    framed.extend_from_slice(PREFIX);
    framed.extend_from_slice(data);
    for at in memchr2_iter(b'\n', b'\r', data) {
        framed[PREFIX.len() + at] = b' ';
    }
    framed.extend_from_slice(SUFFIX);
    framed.into()
}

/// One event that has data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The value of its `event` line.
    pub name: Option<Bytes>,
    /// Its data lines, joined with LF; never empty.
    pub data: Bytes,
}

/// Why a stream of events cannot be read on.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SseError {
    /// An event, or one line, is larger than the limit.
    #[error("the upstream sent an event of more than {event_bytes_max} bytes")]
    EventTooLarge {
        /// The limit that the decoder was made with.
        event_bytes_max: usize,
    },
}

/// Cuts chunks of bytes into events. Feed a chunk, then take events until there is none.
///
/// Events without data and comments are skipped. Data that arrives within one chunk is a slice of that chunk.
#[derive(Debug)]
pub struct Decoder {
    event_bytes_max: usize,
    /// What was fed and not read yet.
    chunk: Bytes,
    /// The start of a line whose end was not fed yet.
    line: BytesMut,
    name: Option<Bytes>,
    data: Data,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line was read, so that no byte order mark can come any more.
    started: bool,
    too_large: bool,
}

#[derive(Debug)]
enum Data {
    None,
    /// One line.
    Line(Bytes),
    /// Several lines.
    Lines(BytesMut),
}

impl Decoder {
    /// A decoder that refuses events, and lines, of more than `event_bytes_max` bytes.
    #[must_use]
    pub fn new(event_bytes_max: usize) -> Decoder {
        Decoder {
            event_bytes_max,
            chunk: Bytes::new(),
            line: BytesMut::new(),
            name: None,
            data: Data::None,
            after_cr: false,
            started: false,
            too_large: false,
        }
    }

    /// Adds the next bytes of the stream. Cheap when all earlier events were taken.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut both = BytesMut::from(std::mem::take(&mut self.chunk));
            both.extend_from_slice(&chunk);
            self.chunk = both.freeze();
        }
    }

    /// The next event; `None` until more is fed. After an error the stream is lost, and the error stays.
    pub fn next_event(&mut self) -> Result<Option<Event>, SseError> {
        self.check()?;
        loop {
            if self.after_cr && !self.chunk.is_empty() {
                self.after_cr = false;
                if self.chunk[0] == b'\n' {
                    self.chunk.advance(1);
                }
            }
            let Some(end) = memchr2(b'\n', b'\r', &self.chunk) else {
                self.line.extend_from_slice(&self.chunk);
                self.chunk.clear();
                self.limit(self.line.len())?;
                return Ok(None);
            };
            self.after_cr = self.chunk[end] == b'\r';
            let line = self.take_line(end);
            self.chunk.advance(1);
            self.limit(line.len())?;
            if line.is_empty() {
                if let Some(event) = self.dispatch() {
                    return Ok(Some(event));
                }
            } else {
                self.read_line(line)?;
            }
        }
    }

    /// The event that the end of the stream leaves without its blank line. Call it when all others were taken.
    pub fn finish(&mut self) -> Result<Option<Event>, SseError> {
        self.check()?;
        let line = self.take_line(self.chunk.len());
        self.limit(line.len())?;
        if !line.is_empty() {
            self.read_line(line)?;
        }
        Ok(self.dispatch())
    }

    /// The line whose last bytes are the first `end` of the chunk.
    fn take_line(&mut self, end: usize) -> Bytes {
        let rest = self.chunk.split_to(end);
        let mut line = if self.line.is_empty() {
            rest
        } else {
            self.line.extend_from_slice(&rest);
            self.line.split().freeze()
        };
        if !self.started {
            self.started = true;
            if line.starts_with(BOM) {
                line.advance(BOM.len());
            }
        }
        line
    }

    fn read_line(&mut self, mut line: Bytes) -> Result<(), SseError> {
        if let Some(skip) = value_start(&line, b"data") {
            line.advance(skip);
            return self.add_data(line);
        }
        if let Some(skip) = value_start(&line, b"event") {
            line.advance(skip);
            self.name = Some(line);
        }
        Ok(())
    }

    fn add_data(&mut self, line: Bytes) -> Result<(), SseError> {
        self.data = match std::mem::replace(&mut self.data, Data::None) {
            Data::None => Data::Line(line),
            Data::Line(first) => Data::Lines(join(BytesMut::from(first.as_ref()), &line)),
            Data::Lines(lines) => Data::Lines(join(lines, &line)),
        };
        match &self.data {
            Data::Lines(lines) => self.limit(lines.len()),
            _ => Ok(()),
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = self.name.take();
        let data = match std::mem::replace(&mut self.data, Data::None) {
            Data::None => return None,
            Data::Line(line) => line,
            Data::Lines(lines) => lines.freeze(),
        };
        if data.is_empty() { None } else { Some(Event { name, data }) }
    }

    fn limit(&mut self, len: usize) -> Result<(), SseError> {
        self.too_large |= len > self.event_bytes_max;
        self.check()
    }

    fn check(&self) -> Result<(), SseError> {
        if self.too_large {
            return Err(SseError::EventTooLarge { event_bytes_max: self.event_bytes_max });
        }
        Ok(())
    }
}

/// Where the value of a line with the field `name` starts. One space after the colon belongs to the colon.
fn value_start(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

fn join(mut lines: BytesMut, line: &[u8]) -> BytesMut {
    lines.extend_from_slice(b"\n");
    lines.extend_from_slice(line);
    lines
}
