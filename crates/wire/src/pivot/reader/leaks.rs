//! Tool calls that an upstream did not understand and left in the text, in the markup of the model's template.
//!
//! Clients run what they are told is a call, and a text may also speak of calls. So one is only taken when it names an
//! offered tool and nothing but markup and white space follows it in the whole answer: models wait for the output there.
//! A call at the beginning of a text is also taken when the text goes on in another line. What looks like a call is held
//! back until that is known, and else given as it was.

use std::mem;
use std::sync::Arc;

use memchr::memchr2;

use super::templates::{Behind, Leaked, Marker, Read, marker};
use crate::pivot::request::Callable;

/// Text that is held back, in bytes. A call with longer arguments stays text.
const HELD_BYTES_MAX: usize = 64 << 10;

/// White space that is held back between markup, in bytes: templates have a few, and it is looked at with every piece.
pub(super) const WHITE_BYTES_MAX: usize = 1 << 10;

/// What comes out.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Said(&'a str),
    Call(Leaked),
}

/// What comes behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Something else than this kind of text.
    Other,
    /// Nothing: the answer is at its end.
    Nothing,
    /// Nothing, but nobody says that the answer is at its end. What has no end of its own may have been cut.
    Unsaid,
    /// The answer broke off, or was cut. What it would have said is not known, so there are no calls.
    Cut,
}

/// Finds the calls in one kind of text.
#[derive(Debug)]
pub(super) struct Leaks {
    /// The tools that may be called.
    offered: Arc<[Callable]>,
    place: Place,
    held: String,
    found: Found,
    /// Whether the next call is at the beginning of a text, where its being a call needs no end of the answer.
    at_start: bool,
}

/// Calls in a row of which it is not known yet whether they are told.
#[derive(Debug, Default)]
struct Found {
    calls: Vec<Leaked>,
    /// The text that they are, with what closes them.
    text: String,
}

#[derive(Debug)]
enum Place {
    Text,
    /// Behind a marker. All since then is held back.
    Behind(Behind),
    /// At the start of the text or behind a call, before what may close it.
    Between {
        closers: &'static [&'static str],
    },
}

impl Leaks {
    /// Finds calls of the `offered` tools in a text that has not begun; those with which it begins only in a `text` that
    /// is no thought.
    pub(super) fn new(offered: Arc<[Callable]>, text: bool) -> Leaks {
        let place = Place::Between { closers: &[] };
        Leaks { offered, place, held: String::new(), found: Found::default(), at_start: text }
    }

    /// Takes more of the text.
    pub(super) fn read(&mut self, text: &str, tell: &mut dyn FnMut(Piece<'_>)) {
        let plain = matches!(self.place, Place::Text) && self.held.is_empty();
        if plain && memchr2(b'<', b'[', text.as_bytes()).is_none() {
            return self.say(text, tell);
        }
        self.held.push_str(text);
        let held = mem::take(&mut self.held);
        let mut rest = held.as_str();
        while self.step(&mut rest, tell) {}
        // Most often everything is held back, and nothing has to be copied.
        self.held = if rest.len() == held.len() { held } else { rest.to_owned() };
    }

    /// Whether calls wait for the end of the answer.
    pub(super) fn awaits_end(&self) -> bool {
        !self.found.calls.is_empty()
    }

    /// Lets go of what is held back: something else follows, or nothing.
    pub(super) fn flush(&mut self, next: Next, tell: &mut dyn FnMut(Piece<'_>)) {
        if next == Next::Nothing {
            self.read_end(tell);
        }
        let held = mem::take(&mut self.held);
        let closer = match mem::replace(&mut self.place, Place::Text) {
            Place::Between { closers } => closers.first().copied().unwrap_or_default(),
            _ => "",
        };
        let are_calls = match next {
            Next::Nothing | Next::Unsaid => true,
            Next::Other => self.at_start,
            Next::Cut => false,
        };
        if are_calls && self.awaits_end() && closer.starts_with(held.trim_start()) {
            return self.decide(true, tell);
        }
        if next == Next::Cut {
            self.decide(false, tell);
        }
        self.say(&held, tell);
        self.decide(false, tell);
    }

    /// Takes a call that is one because the text ends here, and reads what is behind it.
    fn read_end(&mut self, tell: &mut dyn FnMut(Piece<'_>)) {
        let Place::Behind(behind) = &mut self.place else { return };
        let Read::Calls(end, calls, closers) = behind.read_end(&self.held, &self.offered) else { return };
        let held = mem::take(&mut self.held);
        self.take_calls(&held[..end], calls, closers);
        self.read(&held[end..], tell);
    }

    fn take_calls(&mut self, text: &str, calls: Vec<Leaked>, closers: &'static [&'static str]) {
        self.found.calls.extend(calls);
        self.found.text.push_str(text);
        self.place = Place::Between { closers };
    }

    /// Tells text, which decides about the calls before it.
    fn say(&mut self, text: &str, tell: &mut dyn FnMut(Piece<'_>)) {
        if text.is_empty() {
            return;
        }
        let space = |text: &str| text.bytes().take(WHITE_BYTES_MAX).any(|byte| byte == b'\n');
        let before = &self.found.text[self.found.text.trim_end().len()..];
        let behind = &text[..text.len() - text.trim_start().len()];
        self.decide(self.at_start && (space(before) || space(behind)), tell);
        self.at_start &= behind.len() == text.len();
        tell(Piece::Said(text));
    }

    /// The calls that wait are calls, or text.
    fn decide(&mut self, are_calls: bool, tell: &mut dyn FnMut(Piece<'_>)) {
        if !self.awaits_end() {
            return;
        }
        let Found { calls, text } = mem::take(&mut self.found);
        self.at_start = false;
        if are_calls {
            calls.into_iter().for_each(|call| tell(Piece::Call(call)));
        } else {
            tell(Piece::Said(&text));
        }
    }

    /// Takes what it can from `rest`. Returns whether there may be more to take.
    fn step(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        if rest.is_empty() {
            return false;
        }
        match &mut self.place {
            Place::Text => self.find_marker(rest, tell),
            Place::Between { .. } => self.pass_closer(rest),
            Place::Behind(_) => self.read_behind(rest, tell),
        }
    }

    fn find_marker(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        let mut from = 0;
        while let Some(found) = memchr2(b'<', b'[', &rest.as_bytes()[from..]) {
            let (before, here) = rest.split_at(from + found);
            match marker(here) {
                Marker::Whole(template) => {
                    self.say(before, tell);
                    *rest = here;
                    self.place = Place::Behind(Behind::new(template));
                    return true;
                }
                Marker::Begun => {
                    self.say(before, tell);
                    *rest = here;
                    return false;
                }
                Marker::None => from += found + 1,
            }
        }
        self.say(rest, tell);
        *rest = "";
        false
    }

    fn pass_closer(&mut self, rest: &mut &str) -> bool {
        let Place::Between { closers } = &mut self.place else { return false };
        let here = rest.trim_start();
        let white = rest.len() - here.len();
        if white <= WHITE_BYTES_MAX {
            let closer = closers.first().copied().unwrap_or_default();
            if !closer.is_empty() && here.starts_with(closer) {
                *closers = &closers[1..];
                self.found.text.push_str(&rest[..white + closer.len()]);
                *rest = &rest[white + closer.len()..];
                return true;
            }
            if here.is_empty() || closer.starts_with(here) {
                return false;
            }
            match marker(here) {
                // White space between calls belongs to them. Without a call before it, it belongs to the text.
                Marker::Whole(_) if !self.found.calls.is_empty() => {
                    self.found.text.push_str(&rest[..white]);
                    *rest = here;
                }
                Marker::Begun => return false,
                Marker::Whole(_) | Marker::None => {}
            }
        }
        self.place = Place::Text;
        true
    }

    fn read_behind(&mut self, rest: &mut &str, tell: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Place::Behind(behind) = &mut self.place else { return false };
        let room = HELD_BYTES_MAX.saturating_sub(self.found.text.len()).max(behind.template.marker.len());
        let text = &rest[..rest.floor_char_boundary(room)];
        let text_end = match behind.read(text, &self.offered) {
            Read::More if text.len() == rest.len() => return false,
            Read::More => text.len(),
            Read::Not(at) => at,
            Read::Calls(end, calls, closers) => {
                self.take_calls(&rest[..end], calls, closers);
                *rest = &rest[end..];
                return true;
            }
        };
        self.say(&rest[..text_end], tell);
        *rest = &rest[text_end..];
        self.place = Place::Text;
        true
    }
}
