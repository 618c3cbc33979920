//! A Responses request: what it asks for in no dialect, and what only this dialect has.

use super::extras::Extras;
use super::hosted::{Dropped, HostedTools};
use super::input::{Input, read_input};
use super::parameters::{self, opt_text, value};
use super::text::Text;
use super::tools::Tools;
use crate::chat::parameters as common;
use crate::json::{self, Field, Unreadable};
use crate::pivot;
use crate::request_error::RequestError;

/// Arrays and objects that may nest in a body, itself included; as for chat.
const DEPTH_MAX: usize = 64;

/// Top-level fields of a body; as for chat.
const FIELDS_MAX: usize = 1_000;

/// Fields of chat that are not fields here, each with what to give in its place. An upstream would read them past what
/// is checked.
const CHAT_FIELDS: [(&str, &str); 18] = [
    ("messages", "'input'"),
    ("max_tokens", "'max_output_tokens'"),
    ("max_completion_tokens", "'max_output_tokens'"),
    ("reasoning_effort", "'reasoning.effort'"),
    ("response_format", "'text.format'"),
    ("functions", "'tools'"),
    ("function_call", "'tool_choice'"),
    ("verbosity", "'text.verbosity'"),
    ("n", "several requests"),
    ("best_of", "several requests"),
    ("logprobs", "a request to /v1/chat/completions"),
    ("modalities", "a request to /v1/chat/completions"),
    ("audio", "a request to /v1/chat/completions"),
    ("web_search_options", "a function in 'tools'"),
    ("chat_template", "nothing"),
    ("chat_template_kwargs", "'reasoning.effort'"),
    ("media_io_kwargs", "nothing"),
    ("mm_processor_kwargs", "nothing"),
];

/// A checked Responses request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsesRequest {
    /// What is asked for.
    pub ask: pivot::Request,
    /// What only the response object shows.
    pub extras: Extras,
    /// Whether the response is to be stored.
    pub store: bool,
    /// Whether it is to be made in the background; then it is stored, too.
    pub background: bool,
    /// The id of the response to go on from, as the client wrote it.
    pub previous: Option<String>,
    /// The id of the conversation to go on with, as the client wrote it. Never together with `previous`.
    pub conversation: Option<String>,
    /// The name of the session to go on with: 1 to 128 visible ASCII characters.
    pub session_id: Option<String>,
    /// Whether a history that is too long is cut at its front, instead of being refused.
    pub truncate: bool,
    /// The ids of stored items that the input refers to, in order, each with the place in `ask.input` in front of which
    /// it stands.
    pub references: Vec<(usize, String)>,
    /// The `encrypted_content` of reasoning items, in order, each with the place of its item in `ask.input`. The item
    /// has no text when the client sent none beside it.
    pub sealed: Vec<(usize, String)>,
    /// Whether reasoning items are to carry `encrypted_content`.
    pub include_sealed: bool,
    /// The types of the hosted tools, and of their items, that were left out.
    pub dropped: Vec<String>,
}

impl ResponsesRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Beside the codes of chat: `unsupported_tool`, `unsupported_item`,
    /// `mutually_exclusive_parameters`.
    pub fn parse(body: &[u8], hosted: HostedTools) -> Result<ResponsesRequest, RequestError> {
        let body = str::from_utf8(body)
            .map_err(|_| RequestError::body("invalid_json", "the body is not valid UTF-8"))?;
        if json::is_deeper_than(body.as_bytes(), DEPTH_MAX) {
            let message = format!("the body nests deeper than {DEPTH_MAX} levels");
            return Err(RequestError::body("body_too_deep", message));
        }
        let fields = json::fields(body, FIELDS_MAX).map_err(|error| body_error(&error))?;
        common::refuse_ambiguous(&fields)?;
        let mut draft = Draft::default();
        for field in fields.iter().filter(|field| field.value != "null") {
            draft.read(field, hosted)?;
        }
        draft.finish(&fields, hosted)
    }
}

/// A request while its fields are read.
#[derive(Default)]
struct Draft {
    ask: pivot::Request,
    extras: Extras,
    input: Option<Input>,
    previous: Option<String>,
    conversation: Option<String>,
    session_id: Option<String>,
    include_sealed: bool,
    dropped: Dropped,
}

impl Draft {
    /// Reads a field that is not `null`; `null` is the same as none.
    fn read(&mut self, field: &Field<'_>, hosted: HostedTools) -> Result<(), RequestError> {
        let (key, raw) = (field.key.as_ref(), field.value);
        let settings = &mut self.ask.settings;
        match key {
            "model" => self.ask.model = common::model(raw)?,
            "provider" => self.ask.provider = Some(common::provider(raw)?),
            "stream" => self.ask.stream = common::boolean(key, raw)?,
            "instructions" => self.ask.instructions = Some(parameters::text(key, raw)?),
            "input" => self.input = Some(read_input(raw, hosted, &mut self.dropped)?),
            "max_output_tokens" => settings.output_tokens = Some(common::output_limit(key, raw)?),
            "stop" => settings.stop = parameters::stop(raw)?,
            "text" => {
                let text = Text::read(raw)?;
                settings.format = text.format;
                self.extras.verbosity = text.verbosity;
            }
            "reasoning" => {
                let fields = parameters::object_fields(raw, key)?;
                settings.effort = opt_text(&fields, "effort", key)?;
                self.extras.summary = opt_text(&fields, "summary", key)?.filter(|summary| summary != "none");
            }
            // They need each other, so they are read together at the end.
            "tools" | "tool_choice" => {}
            "parallel_tool_calls" => self.extras.parallel_tool_calls = Some(common::boolean(key, raw)?),
            "previous_response_id" => self.previous = Some(parameters::word(key, raw)?),
            "conversation" => self.conversation = Some(parameters::conversation(raw)?),
            "session_id" => self.session_id = Some(parameters::session_id(raw)?),
            "include" => self.include_sealed = parameters::include(raw)?,
            _ => return self.read_echoed(key, raw),
        }
        Ok(())
    }

    /// Reads what the response object shows and nothing else looks at, and what passes.
    fn read_echoed(&mut self, key: &str, raw: &str) -> Result<(), RequestError> {
        let extras = &mut self.extras;
        match key {
            "store" => extras.store = common::boolean(key, raw)?,
            "background" => extras.background = common::boolean(key, raw)?,
            "truncation" => extras.truncate = parameters::truncation(raw)?,
            "metadata" => extras.metadata = Some(parameters::metadata(raw)?),
            "safety_identifier" => extras.safety_identifier = Some(parameters::word(key, raw)?),
            "prompt_cache_key" => extras.prompt_cache_key = Some(parameters::word(key, raw)?),
            "max_tool_calls" => extras.max_tool_calls = Some(parameters::max_tool_calls(raw)?),
            "top_logprobs" => parameters::top_logprobs(raw)?,
            // The only option, obfuscation, is what this gateway never does.
            "stream_options" => drop(parameters::object_fields(raw, key)?),
            // What a client says of itself to the server of this API, which is not the upstream.
            "client_metadata" | "prompt_cache_retention" | "prompt_cache_options" => {}
            "prompt" => {
                let message =
                    "'prompt' is not supported: templates are not kept here, send 'instructions' and 'input'";
                return Err(RequestError::new("unsupported_parameter", key, message));
            }
            "temperature" | "top_p" | "presence_penalty" | "frequency_penalty"
                if !parameters::is_number(raw) =>
            {
                return Err(RequestError::wrong_type(key, "a number"));
            }
            "user" | "service_tier" if !raw.starts_with('"') => {
                return Err(RequestError::wrong_type(key, "a string"));
            }
            _ => {
                if let Some((_, instead)) = CHAT_FIELDS.iter().find(|(name, _)| *name == key) {
                    let message =
                        format!("'{key}' is not a parameter of /v1/responses: give {instead} in its place");
                    return Err(RequestError::new("unknown_parameter", key, message));
                }
                self.ask.settings.passing.push((key.to_owned(), raw.to_owned()));
            }
        }
        Ok(())
    }

    fn finish(mut self, fields: &[Field<'_>], hosted: HostedTools) -> Result<ResponsesRequest, RequestError> {
        if self.ask.model.is_empty() {
            return Err(RequestError::missing("model"));
        }
        self.read_tools(fields, hosted)?;
        if self.previous.is_some() && self.conversation.is_some() {
            let message = "give either 'previous_response_id' or 'conversation', not both";
            return Err(RequestError::new("mutually_exclusive_parameters", "previous_response_id", message));
        }
        if self.extras.background && !self.extras.store {
            let message = "'background' needs 'store': a response that is not stored could not be fetched";
            return Err(RequestError::new("invalid_value", "background", message));
        }
        let goes_on = self.previous.is_some() || self.conversation.is_some() || self.session_id.is_some();
        let input = self.input.unwrap_or_default();
        if input.items.is_empty() && input.references.is_empty() && !goes_on {
            return Err(RequestError::missing("input"));
        }
        self.ask.input = input.items;
        Ok(ResponsesRequest {
            store: self.extras.store,
            background: self.extras.background,
            truncate: self.extras.truncate,
            ask: self.ask,
            extras: self.extras,
            previous: self.previous,
            conversation: self.conversation,
            session_id: self.session_id,
            references: input.references,
            sealed: input.sealed,
            include_sealed: self.include_sealed,
            dropped: self.dropped.kinds,
        })
    }

    fn read_tools(&mut self, fields: &[Field<'_>], hosted: HostedTools) -> Result<(), RequestError> {
        let mut tools = Tools::default();
        if let Some(raw) = value(fields, "tools") {
            tools = Tools::read(raw, hosted, &mut self.dropped)?;
            self.extras.tools = Some(raw.to_owned());
        }
        let mut choice = None;
        if let Some(raw) = value(fields, "tool_choice") {
            choice = Some(tools.choose(raw)?);
            self.extras.tool_choice = Some(raw.to_owned());
        }
        if tools.tools.is_empty() {
            if choice == Some(pivot::Choice::Required) {
                return Err(RequestError::new("invalid_value", "tool_choice", "'required' needs 'tools'"));
            }
        } else {
            // Without tools, upstreams refuse both.
            self.ask.settings.choice = choice;
            self.ask.settings.parallel_calls = self.extras.parallel_tool_calls;
        }
        self.ask.settings.tools = tools.tools;
        self.extras.namespaced = tools.namespaced;
        Ok(())
    }
}

fn body_error(error: &Unreadable) -> RequestError {
    match error {
        Unreadable::TooMany => {
            RequestError::body("too_many_fields", format!("the body has more than {FIELDS_MAX} fields"))
        }
        Unreadable::Json(error) if error.is_data() => {
            RequestError::body("invalid_json", "the body must be one JSON object")
        }
        Unreadable::Json(error) => {
            RequestError::body("invalid_json", format!("the body is not JSON: {error}"))
        }
    }
}
