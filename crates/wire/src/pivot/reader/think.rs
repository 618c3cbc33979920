//! Thoughts between `<think>` and `</think>` at the start of the text, however they are cut into pieces.
//!
//! Some templates write the opening tag into the prompt, so that only the closing one is in the text. Until it comes,
//! nobody can tell such a thought from an answer, and waiting would stop every stream of text: it stays text.

use std::borrow::Cow;
use std::mem;

use super::leaks::WHITE_BYTES_MAX;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Takes the thought out of the text.
#[derive(Debug, Default)]
pub(super) struct Think {
    place: Place,
    /// What may be the beginning of a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nothing but white space came, and perhaps the beginning of the tag.
    #[default]
    Start,
    /// Behind the opening tag. White space here is the template's.
    Opened,
    /// In the thought.
    Inside,
    /// Behind the closing tag. White space here is the template's.
    Closed,
    /// In the text.
    Text,
}

impl Think {
    /// Takes more of the text. Returns what of it is thought, and what is text behind it.
    pub(super) fn split<'t>(&mut self, text: &'t str) -> (Cow<'t, str>, Cow<'t, str>) {
        if self.place == Place::Text {
            return (Cow::Borrowed(""), Cow::Borrowed(text));
        }
        let mut rest = mem::take(&mut self.held);
        rest.push_str(text);
        if self.place == Place::Start {
            let begun = rest.trim_start();
            if let Some(inside) = begun.strip_prefix(OPEN) {
                rest = inside.to_owned();
                self.place = Place::Opened;
            } else if OPEN.starts_with(begun) && rest.len() <= WHITE_BYTES_MAX {
                self.held = rest;
                return Default::default();
            } else {
                self.place = Place::Text;
                return (Cow::Borrowed(""), Cow::Owned(rest));
            }
        }
        let (thought, text) = self.thought(&rest);
        (Cow::Owned(thought), Cow::Owned(text))
    }

    /// What was held back, when something else follows; `ended` when nothing does. White space at the start is only
    /// worth telling when it is all there is.
    pub(super) fn flush(&mut self, ended: bool) -> (String, String) {
        let held = mem::take(&mut self.held);
        match self.place {
            Place::Start if ended || !held.trim_start().is_empty() => {
                self.place = Place::Text;
                (String::new(), held)
            }
            Place::Start => Default::default(),
            _ => (held, String::new()),
        }
    }

    fn thought(&mut self, mut rest: &str) -> (String, String) {
        let mut thought = "";
        if self.place == Place::Opened {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Default::default();
            }
            self.place = Place::Inside;
        }
        if self.place == Place::Inside {
            if let Some((before, behind)) = rest.split_once(CLOSE) {
                (thought, rest) = (before, behind);
                self.place = Place::Closed;
            } else {
                let (before, start_of_tag) = rest.split_at(rest.len() - overlap(rest, CLOSE));
                self.held.push_str(start_of_tag);
                return (before.to_owned(), String::new());
            }
        }
        rest = rest.trim_start();
        if !rest.is_empty() {
            self.place = Place::Text;
        }
        (thought.to_owned(), rest.to_owned())
    }
}

/// Bytes at the end of `text` that `tag` begins with.
pub(super) fn overlap(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|len| text.ends_with(&tag[..*len])).unwrap_or(0)
}
