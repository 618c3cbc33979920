//! A model's chat templates: Jinja, as Python's libraries run it, within limits.

use std::collections::BTreeMap;
use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Deserialize;

use super::TEXT_BYTES_MAX;
use super::conversation::{Content, Conversation};
use super::files::TokenizerFiles;
use super::python::{strftime, tojson};
use crate::clock::Clock;

/// What one rendering may cost: about this many instructions, or 64 times as many bytes. Ten thousand messages take a
/// hundred or two each.
const FUEL: u64 = 5_000_000;

/// Templates of one model. Real ones have one to three.
const TEMPLATES_MAX: usize = 16;

/// The template without a name, and the one for requests with tools.
const DEFAULT: &str = "default";
const WITH_TOOLS: &str = "tool_use";

/// The templates of a model.
#[derive(Debug)]
pub(super) struct ChatTemplates {
    environment: Environment<'static>,
    /// `bos_token` and the like.
    special_tokens: BTreeMap<String, Value>,
    content: Content,
}

/// What is read of `tokenizer_config.json`.
#[derive(Default, Deserialize)]
struct TokenizerConfig {
    #[serde(default)]
    chat_template: Option<Written>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// One template, or several by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl ChatTemplates {
    /// `None` when the model has none.
    ///
    /// # Errors
    /// When they cannot be read; for the log.
    pub(super) fn load(files: &TokenizerFiles, clock: &Clock) -> Result<Option<ChatTemplates>, String> {
        let config = match &files.config {
            Some(json) => serde_json::from_slice(json).map_err(|error| error.to_string())?,
            None => TokenizerConfig::default(),
        };
        let templates = match (&files.template, config.chat_template) {
            (Some(template), _) => vec![(DEFAULT.to_owned(), String::from_utf8_lossy(template).into_owned())],
            (None, Some(Written::One(template))) => vec![(DEFAULT.to_owned(), template)],
            (None, Some(Written::Named(named))) => {
                named.into_iter().take(TEMPLATES_MAX).map(|named| (named.name, named.template)).collect()
            }
            (None, None) => return Ok(None),
        };
        let content = Content::expected_by(&templates);
        let mut environment = environment(clock);
        for (name, template) in templates {
            let template = without_generation(&template);
            environment.add_template_owned(name, template).map_err(|error| error.to_string())?;
        }
        let special_tokens = config.rest.into_iter().filter_map(special_token).collect();
        Ok(Some(ChatTemplates { environment, special_tokens, content }))
    }

    /// The prompt that the model gets.
    pub(super) fn render(&self, conversation: &Conversation) -> Result<String, Error> {
        let tools = conversation.tools();
        let with_tools = (!tools.is_none()).then(|| self.environment.get_template(WITH_TOOLS).ok()).flatten();
        let template = match with_tools {
            Some(template) => template,
            None => self.environment.get_template(DEFAULT)?,
        };
        let mut context = self.special_tokens.clone();
        context.extend(conversation.settings());
        context.insert("messages".to_owned(), conversation.messages(self.content));
        context.insert("tools".to_owned(), tools);
        context.insert("documents".to_owned(), Value::from(()));
        context.insert("add_generation_prompt".to_owned(), Value::from(true));
        let mut text = Bounded(Vec::new());
        template.render_captured_to(Value::from(context), &mut text)?;
        String::from_utf8(text.0).map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
    }
}

/// What Python's libraries give to templates.
fn environment(clock: &Clock) -> Environment<'static> {
    let mut environment = Environment::new();
    // The words are right: this cannot fail.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_filter("tojson", |value: Value, arguments: Kwargs| tojson(&value, &arguments));
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    let clock = clock.clone();
    environment.add_function("strftime_now", move |format: String| strftime(&format, clock.now_ms()));
    environment
}

/// `"bos_token": "<s>"` or `"bos_token": {"content": "<s>"}`.
fn special_token((name, value): (String, Value)) -> Option<(String, Value)> {
    if !name.ends_with("_token") {
        return None;
    }
    let text = if value.as_str().is_some() { value } else { value.get_attr("content").ok()? };
    text.as_str().is_some().then_some((name, text))
}

/// `{% generation %}` marks what a model is trained on. It says nothing here, and is no tag of Jinja.
fn without_generation(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (before, tag) = (&rest[..start], &rest[start..start + length]);
        out.push_str(before);
        match tag[2..].trim_matches(['-', '+', ' ', '\n', '\t']) {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

/// Takes text up to the limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.0.len() + text.len() > TEXT_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
