//! An answer in the legacy Completions dialect.

use bytes::Bytes;

use crate::chat::usage;
use crate::error::ErrorBody;
use crate::json;
use crate::pivot::{Ending, Finish, Item, Names, Progress, Writer};
use crate::sse;

/// Tells an answer as one text. Thoughts have no place in it; they are billed all the same.
#[derive(Clone, Debug)]
pub struct CompletionsWriter {
    names: Names,
    usage_asked: bool,
}

impl CompletionsWriter {
    /// A writer of an answer that has not begun. `usage_asked`: whether a stream is to end with its usage.
    #[must_use]
    pub fn new(names: &Names, usage_asked: bool) -> CompletionsWriter {
        CompletionsWriter { names: names.clone(), usage_asked }
    }

    /// Opens an object: its names.
    fn write_names(&self, out: &mut Vec<u8>) {
        let Names { call, created_at_s, model } = &self.names;
        let names = format!(
            "\"id\":\"cmpl-{call}\",\"object\":\"text_completion\",\"created\":{created_at_s},\"model\":"
        );
        out.extend_from_slice(names.as_bytes());
        json::write_string(out, model);
    }

    /// Appends a chunk with one choice.
    fn chunk(&self, out: &mut Vec<u8>, text: &str, finish: Option<&str>) {
        out.extend_from_slice(b"data: {");
        self.write_names(out);
        out.extend_from_slice(b",\"choices\":[");
        write_choice(out, text, finish);
        out.extend_from_slice(if self.usage_asked { b"],\"usage\":null}\n\n" } else { b"]}\n\n" });
    }

    /// Appends an error as a chunk: clients find `error`, and those that look at choices find the finish reason `error`.
    fn error(&self, out: &mut Vec<u8>, error: &ErrorBody) {
        out.extend_from_slice(b"data: {\"error\":");
        error.write(out);
        out.push(b',');
        self.write_names(out);
        out.extend_from_slice(b",\"choices\":[");
        write_choice(out, "", Some("error"));
        out.extend_from_slice(b"]}\n\n");
    }
}

impl Writer for CompletionsWriter {
    /// A chunk without text, so that a client hears from a model that thinks first.
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.chunk(out, "", None);
    }

    fn progress(&mut self, progress: &Progress<'_>, out: &mut Vec<u8>) {
        if let Progress::Grown { item: Item::Message { .. }, delta, .. } = progress {
            self.chunk(out, delta, None);
        }
    }

    fn finish(&mut self, _items: &[Item], ending: &Ending, out: &mut Vec<u8>) {
        let Some(reason) = finish_reason(ending.finish) else {
            return self.error(out, &ErrorBody::unsaid());
        };
        self.chunk(out, "", Some(reason));
        if self.usage_asked {
            out.extend_from_slice(b"data: {");
            self.write_names(out);
            out.extend_from_slice(b",\"choices\":[],\"usage\":");
            usage::write(out, &ending.usage, ending.cost, ending.source);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(sse::DONE);
    }

    fn fail(&mut self, _items: &[Item], error: &ErrorBody, out: &mut Vec<u8>) {
        self.error(out, error);
    }

    fn whole(&mut self, items: &[Item], ending: &Ending) -> Bytes {
        let said = items.iter().filter(|item| matches!(item, Item::Message { .. }));
        let text: String = said.map(Item::text).collect();
        let mut out = b"{".to_vec();
        self.write_names(&mut out);
        out.extend_from_slice(b",\"choices\":[");
        write_choice(&mut out, &text, finish_reason(ending.finish));
        out.extend_from_slice(b"],\"usage\":");
        usage::write(&mut out, &ending.usage, ending.cost, ending.source);
        out.push(b'}');
        out.into()
    }
}

/// Why the answer ended; `None` where nobody said. A prompt without tools has no calls.
fn finish_reason(finish: Finish) -> Option<&'static str> {
    match finish {
        Finish::Stop | Finish::ToolCalls => Some("stop"),
        Finish::Length => Some("length"),
        Finish::ContentFilter => Some("content_filter"),
        Finish::Unsaid => None,
    }
}

fn write_choice(out: &mut Vec<u8>, text: &str, finish: Option<&str>) {
    out.extend_from_slice(b"{\"index\":0,\"text\":");
    json::write_string(out, text);
    out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
    match finish {
        Some(reason) => json::write_string(out, reason),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}
