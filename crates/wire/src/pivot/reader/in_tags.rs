//! Calls whose arguments stand in tags, one by one and as raw text, and where such a call ends.
//!
//! What is written and read here is what the chat templates of Qwen3-Coder and of GLM-4.5 and its successors have, and
//! the parsers that vLLM and SGLang have for them (`qwen3_coder`, `glm45`, `glm47`).
//!
//! Nothing in a value is escaped, and it may well hold the tag that closes values. So a value ends at the first such tag
//! that is followed, behind white space, by the next parameter or by the end of the call.
//!
//! Qwen3-Coder at times leaves out the tag that closes the last value, and both of its parsers take the call all the same.
//! Here that waits for the end of the answer: only then it is known that no such tag comes.

use std::ops::{ControlFlow, Range};

use super::leaks::WHITE_BYTES_MAX;
use super::templates::{Leaked, Read};
use super::think::overlap;
use super::typed;
use crate::pivot::request::Callable;

/// Parameters of one call. Tools have a few; each is compared with all before it.
const PARAMETERS_MAX: usize = 256;

/// Bytes of a parameter's name. Schemas of tools have shorter ones.
const KEY_BYTES_MAX: usize = 256;

/// How a template writes such calls.
#[derive(Debug)]
pub(super) struct Tags {
    /// What stands before the name of the call, behind the marker.
    pub(super) opens: &'static str,
    behind_name: &'static str,
    before_key: &'static str,
    behind_key: &'static str,
    /// What stands before a value; there may be white space before it, unless it is empty.
    before_value: &'static str,
    behind_value: &'static str,
    /// What stands behind the last value.
    ends: &'static str,
    /// What stands behind the call, in this order.
    closers: &'static [&'static str],
    /// Whether a line break at each end of a value is the template's.
    lines: bool,
    /// Whether models leave out what stands behind the last value.
    leaves_open: bool,
}

/// Qwen3-Coder: `<function=NAME>`, then `<parameter=KEY>\nVALUE\n</parameter>` for each, `</function>`.
pub(super) const fn qwen(opens: &'static str) -> Tags {
    Tags {
        opens,
        behind_name: ">",
        before_key: "<parameter=",
        behind_key: ">",
        before_value: "",
        behind_value: "</parameter>",
        ends: "</function>",
        closers: &["</tool_call>"],
        lines: true,
        leaves_open: true,
    }
}

/// GLM: `NAME`, then `<arg_key>KEY</arg_key>` and `<arg_value>VALUE</arg_value>` for each, with a line break before each tag
/// until 4.6 and none since 4.7.
pub(super) const GLM: Tags = Tags {
    opens: "",
    behind_name: "",
    before_key: "<arg_key>",
    behind_key: "</arg_key>",
    before_value: "<arg_value>",
    behind_value: "</arg_value>",
    ends: "</tool_call>",
    closers: &[],
    lines: false,
    leaves_open: false,
};

/// Follows one call while its text arrives.
#[derive(Debug)]
pub(super) struct InTags {
    tags: &'static Tags,
    place: Place,
    /// Bytes that were understood.
    at: usize,
    /// Which of the offered tools it calls, once its name is read.
    tool: usize,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
enum Place {
    Name,
    /// Before a parameter or the end.
    Next,
    /// In the value of the parameter with this key. What closes it is not before `seen`.
    Value {
        key: Range<usize>,
        seen: usize,
    },
}

/// Where the key and the value of a parameter stand.
#[derive(Debug)]
struct Parameter {
    key: Range<usize>,
    value: Range<usize>,
}

impl InTags {
    /// A call in `tags` that begins at `start` of a text, where the text has what opens it.
    pub(super) fn new(tags: &'static Tags, start: usize) -> InTags {
        let at = start + tags.opens.len();
        InTags { tags, place: Place::Name, at, tool: 0, parameters: Vec::new() }
    }

    /// Reads what is new of `text`, which is all text since the marker. The call must be one of the tools that are
    /// `offered`.
    pub(super) fn read(&mut self, text: &str, offered: &[Callable]) -> Read {
        loop {
            let step = match self.place {
                Place::Name => self.name(text, offered),
                Place::Next => self.next(text, offered),
                Place::Value { .. } => self.value(text),
            };
            if let ControlFlow::Break(read) = step {
                return read;
            }
        }
    }

    fn name(&mut self, text: &str, offered: &[Callable]) -> ControlFlow<Read> {
        let here = &text[self.at..];
        let Some(len) = here.find(|c: char| c.is_whitespace() || c == '<' || c == '>') else {
            let begun = offered.iter().any(|tool| tool.name.starts_with(here));
            return ControlFlow::Break(if begun { Read::More } else { Read::Not(self.at) });
        };
        let (name, behind) = here.split_at(len);
        match offered.iter().position(|tool| tool.name == name) {
            Some(tool) if behind.starts_with(self.tags.behind_name) => {
                self.tool = tool;
                self.go_on(self.at + len + self.tags.behind_name.len(), Place::Next)
            }
            _ => ControlFlow::Break(Read::Not(self.at)),
        }
    }

    fn next(&mut self, text: &str, offered: &[Callable]) -> ControlFlow<Read> {
        let at = past_white(text, self.at)?;
        let here = &text[at..];
        if here.starts_with(self.tags.ends) {
            let end = at + self.tags.ends.len();
            return ControlFlow::Break(match self.call(text, offered) {
                Some(call) => Read::Calls(end, vec![call], self.tags.closers),
                None => Read::Not(end),
            });
        }
        let Some(behind) = here.strip_prefix(self.tags.before_key) else {
            let begun = self.tags.ends.starts_with(here) || self.tags.before_key.starts_with(here);
            return ControlFlow::Break(if begun { Read::More } else { Read::Not(at) });
        };
        let start = text.len() - behind.len();
        let longest = KEY_BYTES_MAX + self.tags.behind_key.len();
        let Some(len) = behind[..behind.floor_char_boundary(longest)].find(self.tags.behind_key) else {
            let more = behind.len() < longest;
            return ControlFlow::Break(if more { Read::More } else { Read::Not(at) });
        };
        let (key, known) = (start..start + len, &self.parameters);
        // Nobody can tell which of two values is meant.
        let again = known.iter().any(|other| text[other.key.clone()] == text[key.clone()]);
        if len == 0 || again || known.len() == PARAMETERS_MAX {
            return ControlFlow::Break(Read::Not(at));
        }
        let behind = key.end + self.tags.behind_key.len();
        if self.tags.before_value.is_empty() {
            return self.go_on(behind, Place::Value { key, seen: behind });
        }
        let opens = past_white(text, behind)?;
        let here = &text[opens..];
        if here.starts_with(self.tags.before_value) {
            let start = opens + self.tags.before_value.len();
            return self.go_on(start, Place::Value { key, seen: start });
        }
        let begun = self.tags.before_value.starts_with(here);
        ControlFlow::Break(if begun { Read::More } else { Read::Not(opens) })
    }

    fn value(&mut self, text: &str) -> ControlFlow<Read> {
        let (tags, start) = (self.tags, self.at);
        let Place::Value { key, seen } = &mut self.place else { return ControlFlow::Continue(()) };
        let Some(found) = text[*seen..].find(tags.behind_value) else {
            *seen = text.len() - overlap(&text[*seen..], tags.behind_value);
            return ControlFlow::Break(Read::More);
        };
        let end = *seen + found;
        let closed = end + tags.behind_value.len();
        let here = text[closed..].trim_start();
        if text.len() - closed - here.len() <= WHITE_BYTES_MAX {
            if here.starts_with(tags.before_key) || here.starts_with(tags.ends) {
                let key = std::mem::take(key);
                self.parameters.push(Parameter { key, value: start..end });
                return self.go_on(closed, Place::Next);
            }
            if tags.before_key.starts_with(here) || tags.ends.starts_with(here) {
                *seen = end;
                return ControlFlow::Break(Read::More);
            }
        }
        *seen = closed;
        ControlFlow::Continue(())
    }

    /// Reads `text` again where nothing follows it: the last value may have no end but that of the call. It is a call
    /// where no tag leaves a doubt about that, and nothing but what closes calls stands behind the tag that ends it: else
    /// that tag may be quoted in the value.
    pub(super) fn read_end(&mut self, text: &str, offered: &[Callable]) -> Read {
        let (tags, start) = (self.tags, self.at);
        let Place::Value { key, .. } = &mut self.place else { return Read::More };
        let here = &text[start..];
        let mut ends = here.match_indices(tags.ends);
        let (Some((len, _)), None) = (ends.next(), ends.next()) else { return Read::More };
        if !tags.leaves_open || here.contains(tags.before_key) || here.contains(tags.behind_value) {
            return Read::More;
        }
        let behind = here[len + tags.ends.len()..].trim_start();
        if !behind.is_empty() && !tags.closers.iter().any(|closer| behind.starts_with(closer)) {
            return Read::More;
        }
        let key = std::mem::take(key);
        self.parameters.push(Parameter { key, value: start..start + len });
        (self.at, self.place) = (start + len, Place::Next);
        self.read(text, offered)
    }

    /// The call that was read from `text`.
    fn call(&self, text: &str, offered: &[Callable]) -> Option<Leaked> {
        let tool = offered.get(self.tool)?;
        let parameters = self.parameters.iter().map(|parameter| {
            let value = &text[parameter.value.clone()];
            (&text[parameter.key.clone()], if self.tags.lines { without_lines(value) } else { value })
        });
        let arguments = typed::arguments(tool, parameters);
        Some(Leaked { id: String::new(), name: tool.name.clone(), arguments })
    }

    fn go_on(&mut self, at: usize, place: Place) -> ControlFlow<Read> {
        (self.at, self.place) = (at, place);
        ControlFlow::Continue(())
    }
}

/// The offset behind the white space at `at`.
fn past_white(text: &str, at: usize) -> ControlFlow<Read, usize> {
    let behind = text.len() - text[at..].trim_start().len();
    if behind - at > WHITE_BYTES_MAX {
        return ControlFlow::Break(Read::Not(at));
    }
    ControlFlow::Continue(behind)
}

fn without_lines(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}
