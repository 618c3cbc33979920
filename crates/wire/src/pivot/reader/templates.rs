//! How the templates of models write tool calls: behind which markers, and in which forms.

use super::in_json::{InJson, Json};
use super::in_tags::{GLM, InTags, Tags, qwen};
use super::leaks::WHITE_BYTES_MAX;
use crate::pivot::request::Callable;

/// How a template writes calls.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) marker: &'static str,
    /// The forms that calls have behind it: what stands there has the first that it can have.
    forms: &'static [Form],
}

/// The form of what stands behind a marker.
#[derive(Debug)]
enum Form {
    Json(Json),
    Tags(Tags),
}

/// Hermes, Qwen and GLM; Qwen3-Coder, which at times leaves the marker before its calls out; Mistral; Llama; Kimi, the
/// first call of a section and each other one. No marker is the beginning of another, and each begins with `<` or `[`.
static TEMPLATES: [Template; 6] = [
    Template {
        marker: "<tool_call>",
        forms: &[json("{", &["</tool_call>"]), Form::Tags(qwen("<function=")), Form::Tags(GLM)],
    },
    Template { marker: "<function=", forms: &[Form::Tags(qwen(""))] },
    Template { marker: "[TOOL_CALLS]", forms: &[json("[", &[])] },
    Template { marker: "<|python_tag|>", forms: &[json("{", &[])] },
    Template { marker: "<|tool_calls_section_begin|><|tool_call_begin|>", forms: &[KIMI] },
    Template { marker: "<|tool_call_begin|>", forms: &[KIMI] },
];

const fn json(opens: &'static str, closers: &'static [&'static str]) -> Form {
    Form::Json(Json { behind_name: "", opens, closers })
}

const KIMI: Form = Form::Json(Json {
    behind_name: "<|tool_call_argument_begin|>",
    opens: "{",
    closers: &["<|tool_call_end|>", "<|tool_calls_section_end|>"],
});

/// A call that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaked {
    /// Empty where the model wrote none.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What the text since a marker is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The beginning of calls, perhaps.
    More,
    /// No call: what stands at this offset cannot stand in one.
    Not(usize),
    /// These calls up to this offset, and what may close them, in this order.
    Calls(usize, Vec<Leaked>, &'static [&'static str]),
}

/// Follows what stands behind a marker while it arrives.
#[derive(Debug)]
pub(super) struct Behind {
    pub(super) template: &'static Template,
    /// `None` until the form is known.
    form: Option<In>,
}

#[derive(Debug)]
enum In {
    Json(InJson),
    Tags(InTags),
}

impl Behind {
    pub(super) fn new(template: &'static Template) -> Behind {
        Behind { template, form: None }
    }

    /// Reads what is new of `text`, which begins with the marker and grows. Calls must be of tools that are `offered`.
    pub(super) fn read(&mut self, text: &str, offered: &[Callable]) -> Read {
        match &mut self.form {
            Some(In::Json(form)) => form.read(text, offered),
            Some(In::Tags(form)) => form.read(text, offered),
            None => self.read_form(text, offered),
        }
    }

    /// Reads `text` again, of which all was read, where nothing follows it.
    pub(super) fn read_end(&mut self, text: &str, offered: &[Callable]) -> Read {
        match &mut self.form {
            Some(In::Tags(form)) => form.read_end(text, offered),
            Some(In::Json(_)) | None => Read::More,
        }
    }

    fn read_form(&mut self, text: &str, offered: &[Callable]) -> Read {
        let marker = self.template.marker.len();
        let here = text[marker..].trim_start();
        let start = text.len() - here.len();
        if start - marker > WHITE_BYTES_MAX {
            return Read::Not(start);
        }
        if here.is_empty() {
            return Read::More;
        }
        for form in self.template.forms {
            let opens = match form {
                // A name may be anything.
                Form::Json(json) if !json.behind_name.is_empty() => "",
                Form::Json(json) => json.opens,
                Form::Tags(tags) => tags.opens,
            };
            if here.starts_with(opens) {
                self.form = Some(match form {
                    Form::Json(json) => In::Json(InJson::new(json, start)),
                    Form::Tags(tags) => In::Tags(InTags::new(tags, start)),
                });
                return self.read(text, offered);
            }
            if opens.starts_with(here) {
                return Read::More;
            }
        }
        Read::Not(start)
    }
}

/// What stands at the beginning of a text.
pub(super) enum Marker {
    Whole(&'static Template),
    Begun,
    None,
}

/// The marker that `text` begins with, or that begins with `text`.
pub(super) fn marker(text: &str) -> Marker {
    for template in &TEMPLATES {
        if text.starts_with(template.marker) {
            return Marker::Whole(template);
        }
        if template.marker.starts_with(text) {
            return Marker::Begun;
        }
    }
    Marker::None
}
